//! Names, tensors and whole networks of PyTorch files.

use super::archive::Archive;
use super::graph;
use super::program::Exported;
use super::state_dict::StateDict;
use crate::import::error::ImportError;
use crate::import::formats::tensor::Tensor;
use crate::import::formats::weights_file::{FileNetwork, WeightsFile};

/// The names of the tensors in a file, of whichever kind.
///
/// # Errors
/// If it is damaged, or holds no tensors by name.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    let (name, bytes) = (file.name(), file.bytes);
    match exported(&name, bytes)? {
        Some(exported) => Ok(exported.weights().names().map(str::to_owned).collect()),
        None => Ok(StateDict::open(&name, bytes)?.names().map(str::to_owned).collect()),
    }
}

/// The tensor `name` of a file, which must be there, in its logical order.
///
/// # Errors
/// If it cannot be read, or is not of finite numbers.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    match exported(&file.name(), file.bytes)? {
        Some(mut exported) => exported.weights_mut().tensor(name, origin),
        None => StateDict::open(&file.name(), file.bytes)?.tensor(name, origin),
    }
}

/// Reads the network of an exported program; `None` if the file is a state dict or a checkpoint.
///
/// # Errors
/// If the file is a damaged program, or a layer cannot be evaluated on ciphertexts.
pub fn network(file: &WeightsFile<'_>, _side: usize) -> Result<Option<FileNetwork>, ImportError> {
    let name = file.name();
    exported(&name, file.bytes)?.map(|exported| graph::network(&name, exported)).transpose()
}

/// The exported program in a file, unless it is of another kind.
fn exported<'a>(file: &str, bytes: &'a [u8]) -> Result<Option<Exported<'a>>, ImportError> {
    if !Archive::is_one(bytes) {
        return Ok(None);
    }
    let archive = Archive::open(file, bytes)?;
    if Exported::is_one(&archive) { Exported::open(file, archive, bytes.len()).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests;
