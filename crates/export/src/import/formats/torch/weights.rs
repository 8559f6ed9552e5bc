//! The tensors of an exported program: raw storages, and JSON that says how a tensor lies in one.

use std::collections::BTreeMap;

use half::{bf16, f16};
use serde::Deserialize;

use super::archive::Archive;
use super::schema::{Size, TensorMeta};
use crate::import::error::ImportError;
use crate::import::formats::tensor::{Tensor, decode_numbers};

/// Where the archive keeps parameters and persistent buffers, and where all other constants: the folder and the file in it.
const FOLDERS: [(&str, &str); 2] =
    [("data/weights/", "model_weights_config.json"), ("data/constants/", "model_constants_config.json")];

/// `torch.strided` in the serialised numbers.
const STRIDED: u32 = 7;

/// Reads the numbers of a storage.
type Reader = fn(&[u8]) -> Result<Vec<f64>, String>;

/// What reads a storage of the `torch.dtype` of this number; `None` unless it is of real numbers.
fn reader(dtype: u32) -> Option<Reader> {
    Some(match dtype {
        1 | 12 => |bytes| decode_numbers(bytes, false, |bytes| u8::from_le_bytes(bytes).into()),
        2 => |bytes| decode_numbers(bytes, false, |bytes| i8::from_le_bytes(bytes).into()),
        3 => |bytes| decode_numbers(bytes, false, |bytes| i16::from_le_bytes(bytes).into()),
        4 => |bytes| decode_numbers(bytes, false, |bytes| i32::from_le_bytes(bytes).into()),
        5 => |bytes| decode_numbers(bytes, false, |bytes| i64::from_le_bytes(bytes) as f64),
        6 => |bytes| decode_numbers(bytes, false, |bytes| f16::from_le_bytes(bytes).into()),
        7 => |bytes| decode_numbers(bytes, false, |bytes| f32::from_le_bytes(bytes).into()),
        8 => |bytes| decode_numbers(bytes, false, f64::from_le_bytes),
        13 => |bytes| decode_numbers(bytes, false, |bytes| bf16::from_le_bytes(bytes).into()),
        _ => return None,
    })
}

/// One of the two JSON files.
#[derive(Debug, Deserialize)]
struct PayloadConfig {
    config: BTreeMap<String, Payload>,
}

/// A tensor's storage, and how it lies in it.
#[derive(Debug, Clone, Deserialize)]
struct Payload {
    path_name: String,
    #[serde(default)]
    use_pickle: bool,
    tensor_meta: Option<TensorMeta>,
}

/// All tensors of an archive by their names.
#[derive(Debug)]
pub struct Weights<'a> {
    archive: Archive<'a>,
    /// The folder that each tensor's storage is in, and how it lies in it.
    payloads: BTreeMap<String, (&'static str, Payload)>,
    /// Bytes of the file.
    file_length: usize,
}

impl<'a> Weights<'a> {
    /// The tensors of `archive`, a file of `file_length` bytes.
    ///
    /// # Errors
    /// If the archive does not say which tensors it holds.
    pub fn open(mut archive: Archive<'a>, file_length: usize) -> Result<Self, ImportError> {
        let mut payloads = BTreeMap::new();
        for (folder, config) in FOLDERS {
            let path = format!("{folder}{config}");
            // Programs without constants may have no file of them.
            if archive.contains(&path) {
                let config: PayloadConfig = archive.read_json(&path)?;
                payloads.extend(config.config.into_iter().map(|(name, payload)| (name, (folder, payload))));
            }
        }
        Ok(Self { archive, payloads, file_length })
    }

    /// Bytes of the file, which also bound the numbers of one tensor.
    pub fn file_length(&self) -> usize {
        self.file_length
    }

    /// The tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.payloads.keys().map(String::as_str)
    }

    /// A tensor in its logical order, whatever its strides are.
    ///
    /// # Errors
    /// If there is none of that name, it is damaged, or it is not of finite numbers.
    pub fn tensor(&mut self, name: &str, origin: &str) -> Result<Tensor, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
        let (folder, payload) =
            self.payloads.get(name).ok_or_else(|| malformed(format!("there is no tensor {name:?}")))?;
        let (Some(meta), false) = (&payload.tensor_meta, payload.use_pickle) else {
            return Err(malformed(
                "it is stored as a pickle of a class of its own, not as numbers".to_owned(),
            ));
        };
        let Some(numbers) = reader(meta.dtype).filter(|_| meta.layout == STRIDED) else {
            return Err(malformed(format!(
                "its type (number {} of torch's, layout {}) cannot be read; floating point of 16, 32 or 64 bits and integers can, \
                 such as after `model.float()` before the export",
                meta.dtype, meta.layout
            )));
        };
        let view = View::new(meta).map_err(malformed)?;
        if view.elements > self.file_length {
            return Err(malformed(format!(
                "its shape {:?} has {} numbers, more than the file has bytes",
                view.shape, view.elements
            )));
        }
        let path = format!("{folder}{}", payload.path_name);
        let storage = numbers(&self.archive.read(&path, u64::MAX)?).map_err(malformed)?;
        let values = view.gather(&storage).ok_or_else(|| {
            malformed(format!(
                "its shape {:?} with strides {:?} from {} on reaches beyond the {} numbers stored",
                view.shape,
                view.strides,
                view.offset,
                storage.len()
            ))
        })?;
        Tensor::new(origin.to_owned(), view.shape, values)
    }
}

/// How a tensor lies in its storage, in elements.
struct View {
    shape: Vec<usize>,
    strides: Vec<usize>,
    offset: usize,
    elements: usize,
}

impl View {
    fn new(meta: &TensorMeta) -> Result<Self, String> {
        let number = |size: &Size| {
            size.known()
                .and_then(|size| usize::try_from(size).ok())
                .ok_or("its sizes and strides are not all known".to_owned())
        };
        let shape = meta.sizes.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let strides = meta.strides.iter().map(number).collect::<Result<Vec<_>, _>>()?;
        let offset = number(&meta.storage_offset)?;
        if shape.len() != strides.len() {
            return Err(format!("it has {} sizes and {} strides", shape.len(), strides.len()));
        }
        let elements = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
        let elements = elements.ok_or_else(|| format!("its shape {shape:?} is impossible"))?;
        Ok(Self { shape, strides, offset, elements })
    }

    /// The elements, the last axis running fastest; `None` if one is not in the storage.
    fn gather(&self, storage: &[f64]) -> Option<Vec<f64>> {
        let mut places = vec![0usize; self.shape.len()];
        let mut values = Vec::with_capacity(self.elements);
        for _ in 0..self.elements {
            let mut index = self.offset;
            for (place, stride) in places.iter().zip(&self.strides) {
                index = index.checked_add(place.checked_mul(*stride)?)?;
            }
            values.push(*storage.get(index)?);
            for (place, &size) in places.iter_mut().zip(&self.shape).rev() {
                *place += 1;
                if *place < size {
                    break;
                }
                *place = 0;
            }
        }
        Some(values)
    }
}
