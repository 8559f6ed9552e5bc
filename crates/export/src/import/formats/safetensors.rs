//! Hugging Face's `.safetensors`: tensors by name.

use safetensors::{Dtype, SafeTensors};

use super::numbers::{ByteOrder, NumberType};
use super::tensor::Tensor;
use super::weights_file::WeightsFile;
use crate::import::error::ImportError;

/// Returns the names of the tensors in a file.
///
/// # Errors
/// If it is not a safetensors file.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    Ok(open(file)?.names().into_iter().map(ToString::to_string).collect())
}

/// Reads the tensor `name` of a file.
///
/// # Errors
/// If its numbers have an unknown type.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
    let tensors = open(file)?;
    let tensor = tensors.tensor(name).map_err(|error| malformed(error.to_string()))?;
    let number = match tensor.dtype() {
        Dtype::F16 => NumberType::F16,
        Dtype::BF16 => NumberType::Bf16,
        Dtype::F32 => NumberType::F32,
        Dtype::F64 => NumberType::F64,
        Dtype::I8 => NumberType::I8,
        Dtype::I16 => NumberType::I16,
        Dtype::I32 => NumberType::I32,
        Dtype::I64 => NumberType::I64,
        Dtype::U8 => NumberType::U8,
        Dtype::U16 => NumberType::U16,
        Dtype::U32 => NumberType::U32,
        Dtype::U64 => NumberType::U64,
        other => {
            return Err(malformed(format!(
                "its numbers are of the type {other:?}; F16, BF16, F32, F64 and integers can be read"
            )));
        }
    };
    let values = number.decode(tensor.data(), ByteOrder::LittleEndian).map_err(malformed)?;
    Tensor::new(origin.to_owned(), tensor.shape().to_vec(), values)
}

fn open<'a>(file: &WeightsFile<'a>) -> Result<SafeTensors<'a>, ImportError> {
    SafeTensors::deserialize(file.bytes).map_err(|error| ImportError::Malformed {
        file: file.name(),
        reason: format!("it is not a safetensors file ({error})"),
    })
}
