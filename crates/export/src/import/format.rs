//! Kinds of files that hold weights, and which reader is whose.

use std::path::Path;

use super::model::Model;
use super::tensor::Tensor;
use super::{ImportError, csv, keras, npy, npz, onnx, safetensors, torch};

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Numbers as text: one tensor without a name, or one for each line.
    Text,
    /// One array of NumPy's, without a name.
    Npy,
    /// Arrays of NumPy's, by name.
    Npz,
    /// Tensors by name.
    Safetensors,
    /// A state dict of PyTorch's, a checkpoint that holds one, or an exported program: a whole network.
    Torch,
    /// A whole model of Keras', or its weights by name.
    Keras,
    /// A whole network.
    Onnx,
}

/// Every kind with the endings of its files' names.
pub const FORMATS: [(Format, &[&str]); 7] = [
    (Format::Text, &["csv", "txt"]),
    (Format::Npy, &["npy"]),
    (Format::Npz, &["npz"]),
    (Format::Safetensors, &["safetensors"]),
    (Format::Torch, &["pt", "pth", "pt2", "bin", "ckpt"]),
    (Format::Keras, &["keras", "h5", "hdf5"]),
    (Format::Onnx, &["onnx"]),
];

impl Format {
    /// The kind of the file `path`, by its name.
    ///
    /// # Errors
    /// If files of that name are of no kind that is read.
    pub fn of(path: &Path) -> Result<Self, ImportError> {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default().to_lowercase();
        let found = FORMATS.iter().find(|(_, endings)| endings.contains(&ending.as_str()));
        found.map(|(format, _)| *format).ok_or_else(|| ImportError::Kind { path: path.to_owned() })
    }

    /// The names of the tensors in a file; `None` of a kind whose tensors have none.
    ///
    /// # Errors
    /// If the file is not what its name says.
    pub fn names(self, path: &Path, bytes: &[u8]) -> Result<Option<Vec<String>>, ImportError> {
        match self {
            Self::Text | Self::Npy => Ok(None),
            Self::Npz => npz::names(path, bytes).map(Some),
            Self::Safetensors => safetensors::names(path, bytes).map(Some),
            Self::Torch => torch::names(path, bytes).map(Some),
            Self::Keras => keras::names(path, bytes).map(Some),
            Self::Onnx => onnx::names(path, bytes).map(Some),
        }
    }

    /// The tensor `name` of a file, or its only one. `origin` is what errors call it, and `whole` the file's path from the
    /// program's own folder, beside which other files of the same network are.
    ///
    /// # Errors
    /// If the file is not what its name says, or the tensor is no array of finite numbers.
    pub fn tensor(
        self,
        (path, whole): (&Path, &Path),
        bytes: &[u8],
        name: Option<&str>,
        origin: &str,
    ) -> Result<Tensor, ImportError> {
        let malformed = |reason: &str| ImportError::Malformed {
            file: path.display().to_string(),
            reason: reason.to_owned(),
        };
        match (self, name) {
            (Self::Npz, Some(name)) => npz::parse(path, bytes, name, origin),
            (Self::Safetensors, Some(name)) => safetensors::parse(path, bytes, name, origin),
            (Self::Torch, Some(name)) => torch::parse(path, bytes, name, origin),
            (Self::Keras, Some(name)) => keras::parse(path, bytes, name, origin),
            (Self::Onnx, Some(name)) => {
                onnx::parse(path, bytes, name, origin, &mut |sibling| onnx::read_sibling(whole, sibling))
            }
            (Self::Npy, name) => {
                let tensor = npy::parse(origin, &|| npy::load_expression(path), bytes)?;
                match name {
                    Some(name) => Err(ImportError::Nameless { name: name.to_owned(), path: path.to_owned() }),
                    None => Ok(tensor),
                }
            }
            (Self::Text, name) => {
                let text = std::str::from_utf8(bytes).map_err(|_| malformed("it is no text in UTF-8"))?;
                csv::parse(path, text, name)
            }
            (_, None) => Err(malformed("it holds tensors by name, and none is named")),
        }
    }

    /// The whole network in a file, if it holds one. `whole` is as for [`tensor`](Self::tensor), and `side` that of the images,
    /// for networks that take any.
    ///
    /// # Errors
    /// If the file is not what its name says, or the network is of another family.
    pub fn network(
        self,
        (path, whole): (&Path, &Path),
        bytes: &[u8],
        side: usize,
    ) -> Result<Option<Model>, ImportError> {
        let file = path.display().to_string();
        match self {
            Self::Torch if torch::holds_network(&file, bytes)? => torch::network(&file, bytes).map(Some),
            Self::Keras if keras::holds_model(bytes) => keras::network(&file, bytes, Some(side)).map(Some),
            Self::Onnx => {
                onnx::network(&file, bytes, &mut |sibling| onnx::read_sibling(whole, sibling)).map(Some)
            }
            Self::Text | Self::Npy | Self::Npz | Self::Safetensors | Self::Torch | Self::Keras => Ok(None),
        }
    }
}

/// All endings, for errors.
pub fn endings() -> String {
    let endings: Vec<String> =
        FORMATS.iter().flat_map(|(_, endings)| endings.iter()).map(|ending| format!(".{ending}")).collect();
    endings.join(", ")
}
