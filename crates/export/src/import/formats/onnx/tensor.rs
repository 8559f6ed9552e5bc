//! The numbers of a file's constants, whose bytes are in the file or in external data.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

use half::{bf16, f16};

use super::message;
use super::operand::{Element, Operand, constant};
use crate::import::error::ImportError;
use crate::import::formats::numbers::{ByteOrder, NumberType};
use crate::import::formats::tensor::Tensor;

/// Reads a file in the model's folder by its plain name.
pub type ReadExternalFile<'a> = dyn FnMut(&str) -> Result<Vec<u8>, ImportError> + 'a;

/// The external data of a model, each file read once.
pub struct Storage<'a> {
    file: &'a str,
    read_external: &'a mut ReadExternalFile<'a>,
    external_files: HashMap<String, Vec<u8>>,
}

impl<'a> Storage<'a> {
    /// Creates the storage of the model file `file` with a function that reads its external data.
    pub fn new(file: &'a str, read_external: &'a mut ReadExternalFile<'a>) -> Self {
        Self { file, read_external, external_files: HashMap::new() }
    }

    /// Reads a constant of a graph. Numbers must be finite; lists of sizes may be empty.
    ///
    /// # Errors
    /// If its bytes cannot be found, are too many or too few, or have no known type of numbers.
    pub fn operand(&mut self, tensor: &message::Tensor, name: &str) -> Result<Operand, ImportError> {
        let origin = format!("{}::{name}", self.file);
        let (shape, values, element) = self.numbers(tensor, &origin)?;
        let values = if values.is_empty() {
            values
        } else {
            Tensor::new(origin.clone(), shape.clone(), values)?.values
        };
        let value = constant(&shape, values).map_err(|refusal| malformed(&origin, refusal))?;
        Ok(Operand { value, element })
    }

    /// Reads a tensor of weights.
    ///
    /// # Errors
    /// As [`operand`](Self::operand), and if it is empty.
    pub fn tensor(&mut self, tensor: &message::Tensor, origin: &str) -> Result<Tensor, ImportError> {
        let (shape, values, _) = self.numbers(tensor, origin)?;
        Tensor::new(origin.to_owned(), shape, values)
    }

    /// Returns shape, numbers and their kind. Numbers take at most 8 times their bytes in the file.
    fn numbers(
        &mut self,
        tensor: &message::Tensor,
        origin: &str,
    ) -> Result<(Vec<usize>, Vec<f64>, Element), ImportError> {
        let shape: Option<Vec<usize>> = tensor.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
        let count = shape
            .as_deref()
            .and_then(|shape| shape.iter().try_fold(1usize, |all, &size| all.checked_mul(size)));
        let (Some(shape), Some(count)) = (shape, count) else {
            return Err(malformed(origin, format!("it has the impossible shape {:?}", tensor.dims)));
        };
        if tensor.segment.is_some() {
            return Err(malformed(
                origin,
                "it is stored in segments, which are not supported; save the model again",
            ));
        }
        let kind = number_type(tensor.data_type).map_err(|reason| malformed(origin, reason))?;
        let values = if tensor.data_location == 1 {
            self.external(tensor, origin, count, kind)?
        } else if let Some(bytes) = &tensor.raw_data {
            kind.decode(bytes, ByteOrder::LittleEndian).map_err(|reason| malformed(origin, reason))?
        } else {
            listed(kind, tensor)
        };
        if values.len() != count {
            let found = values.len();
            return Err(malformed(origin, format!("its shape {shape:?} does not fit its {found} values")));
        }
        Ok((shape, values, element_of(kind)))
    }

    /// Reads numbers from another file of the model's folder.
    fn external(
        &mut self,
        tensor: &message::Tensor,
        origin: &str,
        count: usize,
        kind: NumberType,
    ) -> Result<Vec<f64>, ImportError> {
        let entry =
            |key: &str| tensor.external_data.iter().find(|entry| entry.key == key).map(|entry| &*entry.value);
        let location = entry("location").unwrap_or_default();
        check_location(location).map_err(|reason| malformed(origin, reason))?;
        let number = |key: &str| -> Result<Option<usize>, ImportError> {
            let value = entry(key).map(str::parse).transpose();
            value.map_err(|_| malformed(origin, format!("its {key} in {location:?} is not a number")))
        };
        let offset = number("offset")?.unwrap_or(0);
        let needed = count.checked_mul(kind.bytes());
        let length = match number("length")? {
            Some(length) if Some(length) != needed => {
                let reason = format!(
                    "it has {length} bytes in {location:?}, but its shape {:?} needs another number",
                    tensor.dims
                );
                return Err(malformed(origin, reason));
            }
            _ => needed,
        };
        let bytes = match self.external_files.entry(location.to_owned()) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert((self.read_external)(location)?),
        };
        let end = length.and_then(|length| offset.checked_add(length));
        let part = end.and_then(|end| bytes.get(offset..end)).ok_or_else(|| {
            let reason = format!(
                "its bytes begin at {offset} of {location:?}, which has {}; the file may be cut short or belong to \
                 another model",
                bytes.len()
            );
            malformed(origin, reason)
        })?;
        kind.decode(part, ByteOrder::LittleEndian).map_err(|reason| malformed(origin, reason))
    }
}

/// Reads the file `name` in the folder of `model`.
///
/// # Errors
/// If it does not exist, is no regular file, or is a link to a file in another folder.
pub fn read_external_file(model: &Path, name: &str) -> Result<Vec<u8>, ImportError> {
    let folder = match model.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let path = folder.join(name);
    let failed = |source: io::Error| ImportError::Read { path: path.clone(), source };
    let refused = |reason: &str| ImportError::Malformed {
        file: model.display().to_string(),
        reason: format!("its data file {name:?} {reason}"),
    };
    let real = fs::canonicalize(&path).map_err(failed)?;
    if real.parent() != Some(&*fs::canonicalize(folder).map_err(failed)?) {
        return Err(refused(
            "is a link to another folder, which is not followed; copy the file itself beside the model",
        ));
    }
    // Reading a pipe or device might never end.
    if !fs::metadata(&real).map_err(failed)?.is_file() {
        return Err(refused("is not a file"));
    }
    fs::read(&real).map_err(failed)
}

/// Checks that a location is a plain file name, so that it cannot leave the model's folder.
fn check_location(location: &str) -> Result<(), String> {
    let plain = !location.is_empty()
        && location != "."
        && location != ".."
        && !location.contains(['/', '\\', ':'])
        && !location.contains(char::is_control);
    if plain {
        return Ok(());
    }
    Err(format!(
        "its bytes are in {location:?}, but only a file in the model's own folder is read, by its plain name; save the model \
         again with its data in one file beside it, or inside it"
    ))
}

/// Returns the type of numbers with this code.
///
/// # Errors
/// If it is no type of numbers, or cannot be read.
fn number_type(code: i32) -> Result<NumberType, String> {
    Ok(match code {
        1 => NumberType::F32,
        2 => NumberType::U8,
        3 => NumberType::I8,
        4 => NumberType::U16,
        5 => NumberType::I16,
        6 => NumberType::I32,
        7 => NumberType::I64,
        9 => NumberType::Bool,
        10 => NumberType::F16,
        11 => NumberType::F64,
        12 => NumberType::U32,
        13 => NumberType::U64,
        16 => NumberType::Bf16,
        other => {
            let name = match other {
                8 => "text",
                14 | 15 => "complex numbers",
                17..=20 | 24 => "8-bit floating-point numbers",
                21 | 22 => "4-bit integers",
                23 => "4-bit floating-point numbers",
                _ => "an unknown kind",
            };
            return Err(format!(
                "its values are of the type {other} ({name}); floating-point numbers of 16, 32 and 64 bits, bfloat16 and \
                 integers of 8 to 64 bits can be read"
            ));
        }
    })
}

/// Returns the kind of numbers of a type.
fn element_of(number: NumberType) -> Element {
    match number {
        NumberType::F16 | NumberType::Bf16 | NumberType::F32 | NumberType::F64 => Element::Float,
        NumberType::Bool => Element::Bool,
        _ => Element::Integer,
    }
}

/// Returns the numbers of the message's lists. 16-bit floating-point numbers are stored as integers with the same bits.
fn listed(number: NumberType, tensor: &message::Tensor) -> Vec<f64> {
    let small = |convert: fn(i32) -> f64| tensor.int32_data.iter().map(|&number| convert(number)).collect();
    match number {
        NumberType::F32 => tensor.float_data.iter().copied().map(f64::from).collect(),
        NumberType::F64 => tensor.double_data.clone(),
        NumberType::I64 => tensor.int64_data.iter().map(|&number| number as f64).collect(),
        NumberType::U32 | NumberType::U64 => tensor.uint64_data.iter().map(|&number| number as f64).collect(),
        NumberType::F16 => small(|bits| f64::from(f16::from_bits(bits as u16))),
        NumberType::Bf16 => small(|bits| f64::from(bf16::from_bits(bits as u16))),
        NumberType::Bool => small(|number| f64::from(u8::from(number != 0))),
        NumberType::U8 | NumberType::I8 | NumberType::U16 | NumberType::I16 | NumberType::I32 => {
            small(f64::from)
        }
    }
}

/// Returns the kind of numbers of a type's code.
///
/// # Errors
/// If it is no type of numbers.
pub fn element(code: i32) -> Result<Element, String> {
    number_type(code).map(element_of)
}

/// Returns the smallest and largest number of an integer type; `None` for other types. The bounds of 64 bits are
/// rounded away from zero.
pub fn integer_range(code: i32) -> Option<(f64, f64)> {
    Some(match number_type(code).ok()? {
        NumberType::U8 => (0.0, f64::from(u8::MAX)),
        NumberType::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        NumberType::U16 => (0.0, f64::from(u16::MAX)),
        NumberType::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        NumberType::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        NumberType::U32 => (0.0, f64::from(u32::MAX)),
        NumberType::I64 => (i64::MIN as f64, i64::MAX as f64),
        NumberType::U64 => (0.0, u64::MAX as f64),
        NumberType::Bool | NumberType::F16 | NumberType::F32 | NumberType::F64 | NumberType::Bf16 => {
            return None;
        }
    })
}

/// Returns an error about a tensor.
pub fn malformed(origin: &str, reason: impl Display) -> ImportError {
    ImportError::Malformed { file: origin.to_owned(), reason: reason.to_string() }
}
