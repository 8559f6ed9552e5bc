//! A file's constants as numbers, their bytes being in the file or beside it.

use std::collections::hash_map::{Entry, HashMap};
use std::fmt::Display;
use std::fs;
use std::io;
use std::path::Path;

use half::{bf16, f16};

use super::message;
use super::operand::{Element, Operand, constant};
use crate::import::error::ImportError;
use crate::import::formats::tensor::{Tensor, decode_numbers};

/// Reads a file in the model's folder by its plain name.
pub type ReadExternalFile<'a> = dyn FnMut(&str) -> Result<Vec<u8>, ImportError> + 'a;

/// The files of a model with their names, each read once.
pub struct Storage<'a> {
    file: &'a str,
    read_external: &'a mut ReadExternalFile<'a>,
    external_files: HashMap<String, Vec<u8>>,
}

impl<'a> Storage<'a> {
    /// The model file `file`, and the way to read those beside it.
    pub fn new(file: &'a str, read_external: &'a mut ReadExternalFile<'a>) -> Self {
        Self { file, read_external, external_files: HashMap::new() }
    }

    /// A constant of a graph. Numbers must be finite; lists of sizes may be empty.
    ///
    /// # Errors
    /// If its bytes cannot be found, are too many or too few, or hold no numbers of a known type.
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

    /// A tensor of weights.
    ///
    /// # Errors
    /// As [`operand`](Self::operand), and if it is empty.
    pub fn tensor(&mut self, tensor: &message::Tensor, origin: &str) -> Result<Tensor, ImportError> {
        let (shape, values, _) = self.numbers(tensor, origin)?;
        Tensor::new(origin.to_owned(), shape, values)
    }

    /// Shape, numbers and their kind. Numbers take at most 8 times their bytes in the file.
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
        let kind = Kind::of(tensor.data_type).map_err(|reason| malformed(origin, reason))?;
        let values = if tensor.data_location == 1 {
            self.external(tensor, origin, count, kind)?
        } else if let Some(bytes) = &tensor.raw_data {
            kind.decode(bytes).map_err(|reason| malformed(origin, reason))?
        } else {
            kind.listed(tensor)
        };
        if values.len() != count {
            let found = values.len();
            return Err(malformed(origin, format!("its shape {shape:?} does not fit its {found} values")));
        }
        Ok((shape, values, kind.element()))
    }

    /// Numbers in another file of the model's folder.
    fn external(
        &mut self,
        tensor: &message::Tensor,
        origin: &str,
        count: usize,
        kind: Kind,
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
        kind.decode(part).map_err(|reason| malformed(origin, reason))
    }
}

/// Reads the file `name` in the folder of `model`.
///
/// # Errors
/// If it is not there, is no plain file, or is a link to a file in another folder.
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
    // A pipe or device could be read without end.
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

/// A type of numbers, by its code in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    F32,
    U8,
    I8,
    U16,
    I16,
    I32,
    I64,
    Bool,
    F16,
    F64,
    U32,
    U64,
    Bf16,
}

impl Kind {
    /// The type of a code.
    fn of(code: i32) -> Result<Self, String> {
        Ok(match code {
            1 => Self::F32,
            2 => Self::U8,
            3 => Self::I8,
            4 => Self::U16,
            5 => Self::I16,
            6 => Self::I32,
            7 => Self::I64,
            9 => Self::Bool,
            10 => Self::F16,
            11 => Self::F64,
            12 => Self::U32,
            13 => Self::U64,
            16 => Self::Bf16,
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

    fn element(self) -> Element {
        match self {
            Self::F16 | Self::Bf16 | Self::F32 | Self::F64 => Element::Float,
            Self::Bool => Element::Bool,
            _ => Element::Integer,
        }
    }

    /// Bytes of a number.
    fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 | Self::Bool => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::Bf16 => 2,
            Self::F32 | Self::I32 | Self::U32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }

    /// Numbers from their little-endian bytes.
    fn decode(self, bytes: &[u8]) -> Result<Vec<f64>, String> {
        macro_rules! read {
            ($number:ty, $convert:expr) => {
                decode_numbers(bytes, false, |bytes| $convert(<$number>::from_le_bytes(bytes)))
            };
        }
        match self {
            Self::U8 => read!(u8, f64::from),
            Self::Bool => read!(u8, |byte| f64::from(u8::from(byte != 0))),
            Self::I8 => read!(i8, f64::from),
            Self::U16 => read!(u16, f64::from),
            Self::I16 => read!(i16, f64::from),
            Self::F16 => read!(f16, f64::from),
            Self::Bf16 => read!(bf16, f64::from),
            Self::F32 => read!(f32, f64::from),
            Self::I32 => read!(i32, f64::from),
            Self::U32 => read!(u32, f64::from),
            Self::F64 => read!(f64, |number| number),
            Self::I64 => read!(i64, |number| number as f64),
            Self::U64 => read!(u64, |number| number as f64),
        }
    }

    /// Numbers from the message's lists. 16-bit floating-point numbers are there as integers with their bits.
    fn listed(self, tensor: &message::Tensor) -> Vec<f64> {
        let small =
            |convert: fn(i32) -> f64| tensor.int32_data.iter().map(|&number| convert(number)).collect();
        match self {
            Self::F32 => tensor.float_data.iter().copied().map(f64::from).collect(),
            Self::F64 => tensor.double_data.clone(),
            Self::I64 => tensor.int64_data.iter().map(|&number| number as f64).collect(),
            Self::U32 | Self::U64 => tensor.uint64_data.iter().map(|&number| number as f64).collect(),
            Self::F16 => small(|bits| f64::from(f16::from_bits(bits as u16))),
            Self::Bf16 => small(|bits| f64::from(bf16::from_bits(bits as u16))),
            Self::Bool => small(|number| f64::from(u8::from(number != 0))),
            Self::U8 | Self::I8 | Self::U16 | Self::I16 | Self::I32 => small(f64::from),
        }
    }
}

/// The kind of numbers that a type's code stands for.
///
/// # Errors
/// If it is no type of numbers.
pub fn element(code: i32) -> Result<Element, String> {
    Kind::of(code).map(Kind::element)
}

/// Smallest and largest number of an integer type, `None` for other types. The bounds of 64 bits are rounded away from
/// zero.
pub fn integer_range(code: i32) -> Option<(f64, f64)> {
    Some(match Kind::of(code).ok()? {
        Kind::U8 => (0.0, f64::from(u8::MAX)),
        Kind::I8 => (f64::from(i8::MIN), f64::from(i8::MAX)),
        Kind::U16 => (0.0, f64::from(u16::MAX)),
        Kind::I16 => (f64::from(i16::MIN), f64::from(i16::MAX)),
        Kind::I32 => (f64::from(i32::MIN), f64::from(i32::MAX)),
        Kind::U32 => (0.0, f64::from(u32::MAX)),
        Kind::I64 => (i64::MIN as f64, i64::MAX as f64),
        Kind::U64 => (0.0, u64::MAX as f64),
        Kind::Bool | Kind::F16 | Kind::F32 | Kind::F64 | Kind::Bf16 => return None,
    })
}

/// An error about a tensor.
pub fn malformed(origin: &str, reason: impl Display) -> ImportError {
    ImportError::Malformed { file: origin.to_owned(), reason: reason.to_string() }
}
