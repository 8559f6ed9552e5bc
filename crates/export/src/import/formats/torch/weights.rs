//! The tensors of an exported program: raw storages, and JSON with the positions of the tensors in them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::archive::Archive;
use super::schema::{Size, TensorMeta};
use crate::import::error::ImportError;
use crate::import::formats::numbers::{ByteOrder, NumberType};
use crate::import::formats::tensor::Tensor;

/// The folders of the archive for parameters and persistent buffers, and for all other constants, with the JSON file
/// in each.
const FOLDERS: [(&str, &str); 2] =
    [("data/weights/", "model_weights_config.json"), ("data/constants/", "model_constants_config.json")];

/// The number of `torch.strided`.
const STRIDED: u32 = 7;

/// Returns the type of numbers of a `torch.dtype`; `None` unless they are real numbers.
fn number_type(dtype: u32) -> Option<NumberType> {
    Some(match dtype {
        1 | 12 => NumberType::U8,
        2 => NumberType::I8,
        3 => NumberType::I16,
        4 => NumberType::I32,
        5 => NumberType::I64,
        6 => NumberType::F16,
        7 => NumberType::F32,
        8 => NumberType::F64,
        13 => NumberType::Bf16,
        _ => return None,
    })
}

/// One of the two JSON files.
#[derive(Debug, Deserialize)]
struct PayloadConfig {
    config: BTreeMap<String, Payload>,
}

/// The storage of a tensor, and the tensor's position in it.
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
    /// The folder of each tensor's storage, and the tensor's position in it.
    payloads: BTreeMap<String, (&'static str, Payload)>,
    /// The size of the file in bytes.
    file_length: usize,
}

impl<'a> Weights<'a> {
    /// Opens the tensors of `archive`, a file of `file_length` bytes.
    ///
    /// # Errors
    /// If the archive does not list its tensors.
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

    /// Returns the size of the file in bytes, which also bounds the number of numbers of one tensor.
    pub fn file_length(&self) -> usize {
        self.file_length
    }

    /// Returns the tensors' names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.payloads.keys().map(String::as_str)
    }

    /// Reads a tensor in its logical order, for any strides.
    ///
    /// # Errors
    /// If there is no such tensor, it is damaged, or it holds a value that is not a finite number.
    pub fn tensor(&mut self, name: &str, origin: &str) -> Result<Tensor, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
        let (folder, payload) =
            self.payloads.get(name).ok_or_else(|| malformed(format!("there is no tensor {name:?}")))?;
        let (Some(meta), false) = (&payload.tensor_meta, payload.use_pickle) else {
            return Err(malformed("it is stored as a pickle of another class, not as numbers".to_owned()));
        };
        let Some(number) = number_type(meta.dtype).filter(|_| meta.layout == STRIDED) else {
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
        let storage = self.archive.read(&path, u64::MAX)?;
        let storage = number.decode(&storage, ByteOrder::LittleEndian).map_err(malformed)?;
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

/// The position of a tensor in its storage, in elements.
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

    /// Returns the elements in row-major order; `None` if one is not in the storage.
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
