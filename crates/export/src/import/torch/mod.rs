//! Files that PyTorch writes: state dicts and checkpoints (`torch.save`), and whole networks (`torch.export.save`).

mod archive;
mod graph;
mod operands;
mod operators;
mod program;
mod shapes;
mod state_dict;
mod weights;

#[cfg(test)]
mod hostile_tests;
#[cfg(test)]
mod tests;

use std::path::Path;

use super::ImportError;
use super::model::Model;
use super::tensor::Tensor;
use archive::Archive;
use program::Exported;
use state_dict::StateDict;

/// The names of the tensors in a file, of whichever kind.
///
/// # Errors
/// If it is damaged, or holds no tensors by name.
pub fn names(path: &Path, bytes: &[u8]) -> Result<Vec<String>, ImportError> {
    let file = path.display().to_string();
    match exported(&file, bytes)? {
        Some(exported) => Ok(exported.weights().names().map(str::to_owned).collect()),
        None => Ok(StateDict::open(&file, bytes)?.names().map(str::to_owned).collect()),
    }
}

/// The tensor `name` of a file, which must be there, in its logical order.
///
/// # Errors
/// If it cannot be read, or is not of finite numbers.
pub fn parse(path: &Path, bytes: &[u8], name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let file = path.display().to_string();
    match exported(&file, bytes)? {
        Some(mut exported) => exported.weights_mut().tensor(name, origin),
        None => StateDict::open(&file, bytes)?.tensor(name, origin),
    }
}

/// Whether a file holds a whole network, and not tensors alone.
///
/// # Errors
/// If it holds one and is damaged.
pub fn holds_network(file: &str, bytes: &[u8]) -> Result<bool, ImportError> {
    exported(file, bytes).map(|exported| exported.is_some())
}

/// The network in the bytes of a `.pt2` file.
///
/// # Errors
/// If it is no such file, is damaged, or a layer cannot be evaluated on ciphertexts.
pub fn network(file: &str, bytes: &[u8]) -> Result<Model, ImportError> {
    match exported(file, bytes)? {
        Some(exported) => graph::network(file, exported),
        None => Err(ImportError::Malformed {
            file: file.to_owned(),
            reason: "it holds no network, only tensors or another program; Python saves the whole network as \
                     `torch.export.save(torch.export.export(model.eval(), (torch.zeros(1, 1, 28, 28),)), \"net.pt2\")`"
                .to_owned(),
        }),
    }
}

/// The exported program in a file, unless it is of another kind.
fn exported<'a>(file: &str, bytes: &'a [u8]) -> Result<Option<Exported<'a>>, ImportError> {
    if !Archive::is_one(bytes) {
        return Ok(None);
    }
    let archive = Archive::open(file, bytes)?;
    if Exported::is_one(&archive) { Exported::open(file, archive, bytes.len()).map(Some) } else { Ok(None) }
}
