//! HDF5 files: groups of data sets with attributes, as Keras writes its weights.

use std::collections::BTreeMap;

use hdf5_reader::group::Group;
use hdf5_reader::{Dataset, Datatype, Hdf5File, OpenOptions};

use crate::import::error::ImportError;
use crate::import::formats::numbers::{ByteOrder, NumberType};
use crate::import::formats::tensor::Tensor;

/// Largest unpacked size of a data set, as a multiple of the file's size. Compressed weights shrink to two thirds at
/// best, but a data set of zeros may be a single chunk.
const MAX_EXPANSION: usize = 32;

/// Largest depth of nested groups. A nested model adds two levels.
const MAX_LEVELS: usize = 32;

/// Largest number of groups and data sets of a file together.
const MAX_OBJECTS: usize = 1 << 14;

/// Largest length of a name in bytes. Keras' own names are below 100.
const MAX_NAME_BYTES: usize = 1 << 10;

/// The objects of an HDF5 file by their paths, such as `layers/conv2d/vars/0`. Links to other files are not followed.
pub struct Hdf5 {
    /// The file's name in errors.
    file: String,
    bytes: usize,
    groups: BTreeMap<String, Group>,
    datasets: BTreeMap<String, Dataset>,
}

impl Hdf5 {
    /// Lists the objects in the bytes of a file, whose name in errors is `file`.
    ///
    /// # Errors
    /// If the bytes are no such file, or contain more objects than any file of weights.
    pub fn open(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let damaged = |error: hdf5_reader::error::Error| {
            malformed(format!("it is not an HDF5 file, or is damaged ({error})"))
        };
        let most = bytes.len().saturating_mul(MAX_EXPANSION);
        let options = OpenOptions::default()
            .with_chunk_cache_bytes(0)
            .with_max_chunk_bytes(most)
            .with_max_read_bytes(most)
            .with_max_object_header_bytes(bytes.len());
        let root = Hdf5File::from_bytes_with_options(bytes, options).and_then(|file| file.root_group());
        let mut opened = Self {
            file: file.to_owned(),
            bytes: bytes.len(),
            groups: BTreeMap::new(),
            datasets: BTreeMap::new(),
        };
        // Paths of groups that are not listed yet, with their depth.
        let mut waiting = vec![(String::new(), 0, root.map_err(damaged)?)];
        while let Some((path, level, group)) = waiting.pop() {
            let (groups, datasets) = group.members().map_err(damaged)?;
            let names = groups.iter().map(Group::name).chain(datasets.iter().map(Dataset::name));
            if let Some(name) = names.map(last_component).find(|name| name.len() > MAX_NAME_BYTES) {
                return Err(malformed(format!("an object in it has a name of {} bytes", name.len())));
            }
            for child in groups {
                waiting.push((join(&path, last_component(child.name())), level + 1, child));
            }
            for child in datasets {
                opened.datasets.insert(join(&path, last_component(child.name())), child);
            }
            opened.groups.insert(path, group);
            if level > MAX_LEVELS {
                return Err(malformed(format!("its groups are nested more than {MAX_LEVELS} deep")));
            }
            if opened.groups.len() + opened.datasets.len() + waiting.len() > MAX_OBJECTS {
                return Err(malformed(format!("it holds more than {MAX_OBJECTS} groups and data sets")));
            }
        }
        Ok(opened)
    }

    /// Returns an attribute of the group at `path` ("" for the whole file), if it is a text.
    pub fn text(&self, path: &str, attribute: &str) -> Option<String> {
        self.groups.get(path)?.attribute(attribute).ok()?.read_string().ok()
    }

    /// Returns the paths of all data sets, in the order of their characters.
    pub fn datasets(&self) -> impl Iterator<Item = &str> {
        self.datasets.keys().map(String::as_str)
    }

    /// Returns whether there is a group at `path`.
    pub fn has_group(&self, path: &str) -> bool {
        self.groups.contains_key(path)
    }

    /// Returns the names of the groups directly in the group at `path`.
    pub fn groups_in(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        self.groups.keys().filter_map(move |own| {
            own.strip_prefix(prefix.as_str()).filter(|rest| !rest.is_empty() && !rest.contains('/'))
        })
    }

    /// Returns the sizes of the axes of the data set at `path`.
    pub fn shape(&self, path: &str) -> Option<&[u64]> {
        self.datasets.get(path).map(Dataset::shape)
    }

    /// Reads the numbers of the data set at `path`. Floating point of 16 bits may be of both kinds; integers are
    /// converted.
    ///
    /// # Errors
    /// If there is no such data set, it is damaged, or it does not hold finite real numbers.
    pub fn tensor(&self, path: &str, origin: &str) -> Result<Tensor, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
        let damaged =
            |error: hdf5_reader::error::Error| malformed(format!("its data cannot be read ({error})"));
        let dataset = self.datasets.get(path).ok_or_else(|| ImportError::Malformed {
            file: self.file.clone(),
            reason: format!("it has no data set {path:?}"),
        })?;
        let length = dataset.raw_byte_len().map_err(damaged)?;
        if length > self.bytes.saturating_mul(MAX_EXPANSION) {
            return Err(malformed(format!(
                "it claims {length} bytes, more than {MAX_EXPANSION} times the file's {}",
                self.bytes
            )));
        }
        let data = dataset.read_raw_bytes().map_err(damaged)?;
        let values = numbers(dataset, &data).map_err(malformed)?;
        let shape = dataset.shape().iter().map(|&size| usize::try_from(size));
        let shape =
            shape.collect::<Result<_, _>>().map_err(|_| malformed("its shape is impossible".to_owned()))?;
        Tensor::new(origin.to_owned(), shape, values)
    }
}

/// Converts a data set's bytes to numbers.
fn numbers(dataset: &Dataset, data: &[u8]) -> Result<Vec<f64>, String> {
    let (number, order) = match dataset.dtype() {
        Datatype::FloatingPoint { size, byte_order } => {
            let number = match size {
                2 => NumberType::F16,
                4 => NumberType::F32,
                8 => NumberType::F64,
                _ => {
                    return Err(format!(
                        "its numbers have {size} bytes; floating point of 2, 4 or 8 bytes can be read"
                    ));
                }
            };
            (number, order_of(byte_order))
        }
        Datatype::FixedPoint { size, signed, byte_order } => {
            let number = match (size, signed) {
                (1, true) => NumberType::I8,
                (1, false) => NumberType::U8,
                (2, true) => NumberType::I16,
                (2, false) => NumberType::U16,
                (4, true) => NumberType::I32,
                (4, false) => NumberType::U32,
                (8, true) => NumberType::I64,
                (8, false) => NumberType::U64,
                _ => return Err(format!("its integers have {size} bytes; 1, 2, 4 or 8 bytes can be read")),
            };
            (number, order_of(byte_order))
        }
        // NumPy has no bfloat16. Keras writes bytes without a type and names the type in an attribute, but not in its
        // legacy files. No other type of two bytes is written in this way.
        Datatype::Opaque { size: 2, .. } if opaque_type(dataset).is_none_or(|name| name == "bfloat16") => {
            (NumberType::Bf16, ByteOrder::LittleEndian)
        }
        _ => {
            return Err(
                "its values are not numbers; floating point of 16, 32 or 64 bits (bfloat16 too) and integers can be read"
                    .to_owned(),
            );
        }
    };
    number.decode(data, order)
}

/// Converts the byte order of an HDF5 type.
fn order_of(order: &hdf5_reader::ByteOrder) -> ByteOrder {
    match order {
        hdf5_reader::ByteOrder::BigEndian => ByteOrder::BigEndian,
        _ => ByteOrder::LittleEndian,
    }
}

/// Returns Keras' name for a type that HDF5 does not have.
fn opaque_type(dataset: &Dataset) -> Option<String> {
    dataset.attribute("dtype").ok()?.read_string().ok()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// Returns the last part of a name, because links may have whole paths as names.
fn last_component(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
