//! Hugging Face's `.safetensors`.

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::tensor::{Tensor, decode_numbers};
use super::weights_file::WeightsFile;
use crate::import::error::ImportError;

/// The names of the tensors in a file.
///
/// # Errors
/// If it is no such file.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    Ok(open(file)?.names().into_iter().map(ToString::to_string).collect())
}

/// The tensor `name` of a file, which must be there.
///
/// # Errors
/// If its numbers are of a type that cannot be read.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
    let tensors = open(file)?;
    let tensor = tensors.tensor(name).map_err(|error| malformed(error.to_string()))?;
    macro_rules! read {
        ($number:ty, $convert:expr) => {
            decode_numbers(tensor.data(), false, |bytes| $convert(<$number>::from_le_bytes(bytes)))
        };
    }
    let values = match tensor.dtype() {
        Dtype::F16 => read!(f16, f64::from),
        Dtype::BF16 => read!(bf16, f64::from),
        Dtype::F32 => read!(f32, f64::from),
        Dtype::F64 => read!(f64, |value| value),
        Dtype::I8 => read!(i8, f64::from),
        Dtype::I16 => read!(i16, f64::from),
        Dtype::I32 => read!(i32, f64::from),
        Dtype::I64 => read!(i64, |value| value as f64),
        Dtype::U8 => read!(u8, f64::from),
        Dtype::U16 => read!(u16, f64::from),
        Dtype::U32 => read!(u32, f64::from),
        Dtype::U64 => read!(u64, |value| value as f64),
        other => Err(format!(
            "its numbers are of the type {other:?}; F16, BF16, F32, F64 and integers can be read"
        )),
    };
    Tensor::new(origin.to_owned(), tensor.shape().to_vec(), values.map_err(malformed)?)
}

fn open<'a>(file: &WeightsFile<'a>) -> Result<SafeTensors<'a>, ImportError> {
    SafeTensors::deserialize(file.bytes).map_err(|error| ImportError::Malformed {
        file: file.name(),
        reason: format!("it is no safetensors file ({error})"),
    })
}
