//! From a reference in a description to a tensor.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sottovoce_network::disk::sha256;

use super::tensor::Tensor;
use super::{ImportError, csv, npy, npz, safetensors};

/// Separates a file from the tensor in it.
const SEPARATOR: &str = "::";

/// Files of weights, each read once.
#[derive(Debug)]
pub struct Sources {
    /// Paths in a description are relative to the folder that it is in.
    folder: PathBuf,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Tensors that were read by name, with their files.
    read: BTreeSet<(PathBuf, String)>,
}

impl Sources {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), files: BTreeMap::new(), read: BTreeSet::new() }
    }

    /// SHA-256 of every file that was read, by its path as it was written.
    pub fn checksums(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|(path, bytes)| (path.display().to_string(), sha256(bytes))).collect()
    }

    /// The tensors that were not read, of files that hold several, by the file's path as it was written.
    ///
    /// # Errors
    /// If a file is not what its name says.
    pub fn unread(&self) -> Result<BTreeMap<String, Vec<String>>, ImportError> {
        let mut unread = BTreeMap::new();
        for (path, bytes) in &self.files {
            let names = match kind_of(path).as_str() {
                "npz" => npz::names(path, bytes)?,
                "safetensors" => safetensors::names(path, bytes)?,
                _ => continue,
            };
            let mut names: Vec<String> =
                names.into_iter().filter(|name| !self.read.contains(&(path.clone(), name.clone()))).collect();
            names.sort();
            if !names.is_empty() {
                unread.insert(path.display().to_string(), names);
            }
        }
        Ok(unread)
    }

    /// The tensor that `reference` means: `FILE::NAME`, or a name in `file` where that is given, or else a file.
    ///
    /// # Errors
    /// If there is none, or it is not an array of finite numbers.
    pub fn tensor(&mut self, file: Option<&str>, reference: &str) -> Result<Tensor, ImportError> {
        let (path, name) = match (reference.split_once(SEPARATOR), file) {
            (Some((path, name)), _) => (path, Some(name)),
            (None, Some(file)) => (file, Some(reference)),
            (None, None) => (reference, None),
        };
        let path = PathBuf::from(path);
        let kind = kind_of(&path);
        let bytes = match kind.as_str() {
            "csv" | "txt" | "npy" | "npz" | "safetensors" => self.bytes(&path)?,
            _ => return Err(ImportError::Kind { hint: how_to_convert(&kind).to_owned(), path }),
        };
        let shown = path.display().to_string();
        match kind.as_str() {
            "npz" => {
                let (name, origin) = in_archive(&path, &npz::names(&path, bytes)?, name)?;
                let tensor = npz::parse(&path, bytes, &name, &origin);
                self.read.insert((path, name));
                tensor
            }
            "safetensors" => {
                let (name, origin) = in_archive(&path, &safetensors::names(&path, bytes)?, name)?;
                let tensor = safetensors::parse(&path, bytes, &name, &origin);
                self.read.insert((path, name));
                tensor
            }
            "npy" => match name {
                Some(name) => Err(ImportError::Nameless { name: name.to_owned(), path }),
                None => npy::parse(&shown, bytes),
            },
            _ => match std::str::from_utf8(bytes) {
                Ok(text) => csv::parse(&path, text, name),
                Err(_) => {
                    Err(ImportError::Malformed { file: shown, reason: "it is no text in UTF-8".to_owned() })
                }
            },
        }
    }

    fn bytes(&mut self, path: &Path) -> Result<&[u8], ImportError> {
        if !self.files.contains_key(path) {
            let bytes = fs::read(self.folder.join(path))
                .map_err(|source| ImportError::Read { path: self.folder.join(path), source })?;
            self.files.insert(path.to_owned(), bytes);
        }
        Ok(self.files.get(path).map_or(&[], Vec::as_slice))
    }
}

/// What a file's name says it is.
fn kind_of(path: &Path) -> String {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_lowercase()
}

/// The tensor `name` of an archive and what to call it in errors; without a name, the only one.
fn in_archive(path: &Path, names: &[String], name: Option<&str>) -> Result<(String, String), ImportError> {
    let known = || {
        let mut names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        names.sort();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let Some(name) = name else {
        return match names {
            [name] => Ok((name.clone(), path.display().to_string())),
            _ => Err(ImportError::NoName { path: path.to_owned(), known: known() }),
        };
    };
    if names.iter().any(|known| known == name) {
        return Ok((name.to_owned(), format!("the tensor {name:?} of {}", path.display())));
    }
    let nearest = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest.map_or_else(String::new, |(_, near)| format!(" (did you mean {near:?}?)"));
    Err(ImportError::UnknownTensor { path: path.to_owned(), name: name.to_owned(), hint, known: known() })
}

/// Files that people have where these would be needed.
fn how_to_convert(kind: &str) -> &'static str {
    match kind {
        "pt" | "pth" | "bin" => {
            "; a PyTorch checkpoint is made one by `safetensors.torch.save_file(model.state_dict(), \"net.safetensors\")`"
        }
        "h5" | "hdf5" | "keras" => {
            "; a Keras model is made one by `numpy.savez(\"net.npz\", **{w.path: w.numpy() for w in model.weights})`"
        }
        "onnx" | "pb" | "tflite" => "; save the weights as arrays with NumPy",
        _ => "",
    }
}
