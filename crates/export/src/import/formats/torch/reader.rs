//! Names, tensors and whole networks of PyTorch files.

use super::archive::Archive;
use super::graph;
use super::program::ExportedProgram;
use super::state_dict::StateDict;
use crate::import::error::ImportError;
use crate::import::formats::tensor::Tensor;
use crate::import::formats::weights_file::{FileNetwork, WeightsFile};

/// Returns the names of the tensors in a file of any kind.
///
/// # Errors
/// If it is damaged, or holds no tensors by name.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    let (name, bytes) = (file.name(), file.bytes);
    match open_program(&name, bytes)? {
        Some(exported) => Ok(exported.weights().names().map(str::to_owned).collect()),
        None => Ok(StateDict::open(&name, bytes)?.names().map(str::to_owned).collect()),
    }
}

/// Reads the tensor `name` of a file, in its logical order.
///
/// # Errors
/// If it cannot be read, or holds a value that is not a finite number.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    match open_program(&file.name(), file.bytes)? {
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
    open_program(&name, file.bytes)?.map(|exported| graph::network(&name, exported)).transpose()
}

/// Opens the exported program in a file; `None` if the file is of another kind.
fn open_program<'a>(file: &str, bytes: &'a [u8]) -> Result<Option<ExportedProgram<'a>>, ImportError> {
    if !Archive::is_archive(bytes) {
        return Ok(None);
    }
    let archive = Archive::open(file, bytes)?;
    if ExportedProgram::is_program(&archive) {
        ExportedProgram::open(file, archive, bytes.len()).map(Some)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests;
