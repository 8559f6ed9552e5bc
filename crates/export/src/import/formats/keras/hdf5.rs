//! HDF5: groups of data sets with attributes, as Keras writes its weights.

use std::collections::BTreeMap;

use half::{bf16, f16};
use hdf5_reader::group::Group;
use hdf5_reader::{ByteOrder, Dataset, Datatype, Hdf5File, OpenOptions};

use crate::import::error::ImportError;
use crate::import::formats::tensor::{Tensor, decode_numbers};

/// A data set may unpack to so many times the file's bytes: compressed weights shrink to two thirds at best, but a count
/// of zeros may be a single chunk.
const MOST_EXPANSION: usize = 32;

/// Groups in groups. A nested model adds two levels.
const MOST_LEVELS: usize = 32;

/// Groups and data sets of a file together.
const MOST_OBJECTS: usize = 1 << 14;

/// Bytes of one name. Keras's own are below 100.
const LONGEST_NAME: usize = 1 << 10;

/// The objects of an HDF5 file by their paths, such as `layers/conv2d/vars/0`. Links out of the file are not followed.
pub struct Hdf5 {
    /// Its name, for errors.
    file: String,
    bytes: usize,
    groups: BTreeMap<String, Group>,
    datasets: BTreeMap<String, Dataset>,
}

impl Hdf5 {
    /// The objects in the bytes of a file, which is called `file` in errors.
    ///
    /// # Errors
    /// If the bytes are no such file, or hold more objects than any file of weights.
    pub fn open(file: &str, bytes: &[u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let damaged = |error: hdf5_reader::error::Error| {
            malformed(format!("it is no HDF5 file, or a damaged one ({error})"))
        };
        let most = bytes.len().saturating_mul(MOST_EXPANSION);
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
        // Paths of groups that are still to be listed, with their level.
        let mut waiting = vec![(String::new(), 0, root.map_err(damaged)?)];
        while let Some((path, level, group)) = waiting.pop() {
            let (groups, datasets) = group.members().map_err(damaged)?;
            let names = groups.iter().map(Group::name).chain(datasets.iter().map(Dataset::name));
            if let Some(name) = names.map(last_component).find(|name| name.len() > LONGEST_NAME) {
                return Err(malformed(format!("an object in it has a name of {} bytes", name.len())));
            }
            for child in groups {
                waiting.push((join(&path, last_component(child.name())), level + 1, child));
            }
            for child in datasets {
                opened.datasets.insert(join(&path, last_component(child.name())), child);
            }
            opened.groups.insert(path, group);
            if level > MOST_LEVELS {
                return Err(malformed(format!("its groups are nested more than {MOST_LEVELS} deep")));
            }
            if opened.groups.len() + opened.datasets.len() + waiting.len() > MOST_OBJECTS {
                return Err(malformed(format!("it holds more than {MOST_OBJECTS} groups and data sets")));
            }
        }
        Ok(opened)
    }

    /// An attribute of the group at `path` ("" for the whole file), where it is a text.
    pub fn text(&self, path: &str, attribute: &str) -> Option<String> {
        self.groups.get(path)?.attribute(attribute).ok()?.read_string().ok()
    }

    /// Paths of all data sets, in the order of their characters.
    pub fn datasets(&self) -> impl Iterator<Item = &str> {
        self.datasets.keys().map(String::as_str)
    }

    /// Whether there is a group at `path`.
    pub fn has_group(&self, path: &str) -> bool {
        self.groups.contains_key(path)
    }

    /// Names of the groups directly in the group at `path`.
    pub fn groups_in(&self, path: &str) -> impl Iterator<Item = &str> {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
        self.groups.keys().filter_map(move |own| {
            own.strip_prefix(prefix.as_str()).filter(|rest| !rest.is_empty() && !rest.contains('/'))
        })
    }

    /// Axes of the data set at `path`.
    pub fn shape(&self, path: &str) -> Option<&[u64]> {
        self.datasets.get(path).map(Dataset::shape)
    }

    /// The numbers of the data set at `path`, with 16-bit floats of both kinds, and integers as floats.
    ///
    /// # Errors
    /// If there is none, it is damaged, or it does not hold finite real numbers.
    pub fn tensor(&self, path: &str, origin: &str) -> Result<Tensor, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
        let damaged =
            |error: hdf5_reader::error::Error| malformed(format!("its data cannot be read ({error})"));
        let dataset = self.datasets.get(path).ok_or_else(|| ImportError::Malformed {
            file: self.file.clone(),
            reason: format!("it has no data set {path:?}"),
        })?;
        let length = dataset.raw_byte_len().map_err(damaged)?;
        if length > self.bytes.saturating_mul(MOST_EXPANSION) {
            return Err(malformed(format!(
                "it claims {length} bytes, more than {MOST_EXPANSION} times the file's {}",
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

/// The numbers in a data set's bytes.
fn numbers(dataset: &Dataset, data: &[u8]) -> Result<Vec<f64>, String> {
    macro_rules! read {
        ($number:ty, $big:expr, $convert:expr) => {
            decode_numbers(data, $big, |bytes| $convert(<$number>::from_le_bytes(bytes)))
        };
    }
    match dataset.dtype() {
        Datatype::FloatingPoint { size, byte_order } => {
            let big = *byte_order == ByteOrder::BigEndian;
            match size {
                2 => read!(f16, big, f64::from),
                4 => read!(f32, big, f64::from),
                8 => read!(f64, big, |value| value),
                _ => Err(format!("its numbers have {size} bytes; floating point of 2, 4 or 8 bytes can be read")),
            }
        }
        Datatype::FixedPoint { size, signed, byte_order } => {
            let big = *byte_order == ByteOrder::BigEndian;
            match (size, signed) {
                (1, true) => read!(i8, big, f64::from),
                (1, false) => read!(u8, big, f64::from),
                (2, true) => read!(i16, big, f64::from),
                (2, false) => read!(u16, big, f64::from),
                (4, true) => read!(i32, big, f64::from),
                (4, false) => read!(u32, big, f64::from),
                (8, true) => read!(i64, big, |value| value as f64),
                (8, false) => read!(u64, big, |value| value as f64),
                _ => Err(format!("its integers have {size} bytes; 1, 2, 4 or 8 bytes can be read")),
            }
        }
        // NumPy has no bfloat16: Keras writes bytes without a type, and says what they are in an attribute, but not in its legacy
        // files. No other type of two bytes is written so.
        Datatype::Opaque { size: 2, .. } if opaque_type(dataset).is_none_or(|name| name == "bfloat16") => {
            read!(bf16, false, f64::from)
        }
        _ => Err("its values are no numbers; floating point of 16, 32 or 64 bits (bfloat16 too) and integers can be read".to_owned()),
    }
}

/// What Keras says of values whose type HDF5 does not have.
fn opaque_type(dataset: &Dataset) -> Option<String> {
    dataset.attribute("dtype").ok()?.read_string().ok()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") }
}

/// Links may be named by a whole path.
fn last_component(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}
