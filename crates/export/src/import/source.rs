//! From a reference in a description to a tensor, or a whole network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sottovoce_network::disk::sha256;

use super::ImportError;
use super::format::Format;
use super::model::Model;
use super::tensor::Tensor;

/// Separates a file from the tensor in it.
const SEPARATOR: &str = "::";

/// Most tensors in a file that are told apart by names and shapes. The file's directory is read again for each of them, and
/// files of networks of this family have fewer than a hundred.
const MAX_TENSORS: usize = 1024;

/// Most numbers in all tensors of a file together, for each byte of the file. There is more than one only where tensors share
/// bytes or are compressed.
const MAX_NUMBERS_PER_BYTE: usize = 32;

/// Small files may hold so many numbers more: weights may be mostly zeros.
const ALLOWED_NUMBERS: usize = 4 << 20;

/// Files of weights, each read once.
#[derive(Debug)]
pub struct Sources {
    /// Paths in a description are relative to the folder that it is in.
    folder: PathBuf,
    /// Rows and columns of images, for networks that take any.
    side: usize,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Networks of the files that were asked for one.
    models: BTreeMap<PathBuf, Option<Model>>,
    /// Tensors that were read by name, with their files.
    read: BTreeSet<(PathBuf, String)>,
}

impl Sources {
    /// Files relative to `folder`, none of them read yet. `side` is that of the images at hand, in pixels: some networks take
    /// any, and are read for these.
    #[must_use]
    pub fn new(folder: &Path, side: usize) -> Self {
        let folder = folder.to_owned();
        Self { folder, side, files: BTreeMap::new(), models: BTreeMap::new(), read: BTreeSet::new() }
    }

    /// The same with a file that is in memory, under a name.
    #[must_use]
    pub fn with_file(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.insert(PathBuf::from(name), bytes);
        self
    }

    /// SHA-256 of every file that was read, by its path as it was written.
    #[must_use]
    pub fn checksums(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|(path, bytes)| (path.display().to_string(), sha256(bytes))).collect()
    }

    /// The tensors that were not read, of files that hold several and no network, by the file's path as it was written.
    ///
    /// # Errors
    /// If a file is not what its name says.
    pub fn unread(&self) -> Result<BTreeMap<String, Vec<String>>, ImportError> {
        let mut unread = BTreeMap::new();
        for (path, bytes) in &self.files {
            if self.models.get(path).is_some_and(Option::is_some) {
                continue;
            }
            let names = Format::of(path)?.names(path, bytes)?.unwrap_or_default();
            let mut names: Vec<String> =
                names.into_iter().filter(|name| !self.read.contains(&(path.clone(), name.clone()))).collect();
            names.sort();
            if !names.is_empty() {
                unread.insert(path.display().to_string(), names);
            }
        }
        Ok(unread)
    }

    /// The whole network in `file`, if it holds one.
    ///
    /// # Errors
    /// If it cannot be read, or its network is of another family.
    pub fn model(&mut self, file: &str) -> Result<Option<&Model>, ImportError> {
        let path = PathBuf::from(file);
        if !self.models.contains_key(&path) {
            let format = Format::of(&path)?;
            let (whole, side) = (self.folder.join(&path), self.side);
            let model = format.network((&path, &whole), self.bytes(&path)?, side)?;
            self.models.insert(path.clone(), model);
        }
        Ok(self.models.get(&path).and_then(Option::as_ref))
    }

    /// All tensors of `file` that hold numbers, by name, in the file's order.
    ///
    /// # Errors
    /// If it cannot be read, its tensors have no names, there are more than 1024, or they hold more than 32 numbers for each byte of
    /// the file and 4 Mi more.
    pub fn tensors(&mut self, file: &str) -> Result<Vec<(String, Tensor)>, ImportError> {
        let path = PathBuf::from(file);
        let format = Format::of(&path)?;
        let whole = self.folder.join(&path);
        let bytes = self.bytes(&path)?;
        let names = format.names(&path, bytes)?.ok_or_else(|| ImportError::Unrecognised {
            path: path.clone(),
            reason: "it holds one tensor without a name, and a network of this family has at least three"
                .to_owned(),
        })?;
        let refused = |reason| Err(ImportError::Unrecognised { path: path.clone(), reason });
        if names.len() > MAX_TENSORS {
            return refused(format!(
                "it holds {} tensors, and at most {MAX_TENSORS} are looked at",
                names.len()
            ));
        }
        let most = bytes.len().saturating_mul(MAX_NUMBERS_PER_BYTE).saturating_add(ALLOWED_NUMBERS);
        let mut numbers = 0usize;
        let mut tensors = Vec::new();
        let mut first_error = None;
        for name in names {
            let origin = origin(&name, &path);
            // Counters and texts among the weights are no tensors of a layer.
            let tensor = match format.tensor((&path, &whole), bytes, Some(&name), &origin) {
                Ok(tensor) => tensor,
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            numbers = numbers.saturating_add(tensor.values.len());
            if numbers > most {
                return refused(format!(
                    "its tensors hold more than {most} numbers, which its {} bytes can only where tensors repeat",
                    bytes.len()
                ));
            }
            tensors.push((name, tensor));
        }
        // A file of pickles alone is told as such.
        match first_error {
            Some(error) if tensors.is_empty() => Err(error),
            _ => Ok(tensors),
        }
    }

    /// The tensor that `reference` means: `FILE::NAME`, or a name in `file` where that is given, or else a file.
    ///
    /// # Errors
    /// If there is none, or it is not an array of finite numbers.
    pub fn tensor(&mut self, file: Option<&str>, reference: &str) -> Result<Tensor, ImportError> {
        let (path, name) = resolve(file, reference);
        let path = PathBuf::from(path);
        let format = Format::of(&path)?;
        let whole = self.folder.join(&path);
        let bytes = self.bytes(&path)?;
        let Some(names) = format.names(&path, bytes)? else {
            return format.tensor((&path, &whole), bytes, name, &path.display().to_string());
        };
        let (name, origin) = in_archive(&path, &names, name)?;
        let tensor = format.tensor((&path, &whole), bytes, Some(&name), &origin);
        self.read.insert((path, name));
        tensor
    }

    /// Reads the file of the tensor that `reference` means, as [`tensor`](Self::tensor), and not the tensor.
    ///
    /// # Errors
    /// If it is of no kind that is read, or cannot be read.
    pub(super) fn load(&mut self, file: Option<&str>, reference: &str) -> Result<(), ImportError> {
        let path = PathBuf::from(resolve(file, reference).0);
        Format::of(&path)?;
        self.bytes(&path).map(|_| ())
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

/// The file and the tensor in it that `reference` means.
fn resolve<'a>(file: Option<&'a str>, reference: &'a str) -> (&'a str, Option<&'a str>) {
    match (reference.split_once(SEPARATOR), file) {
        (Some((path, name)), _) => (path, Some(name)),
        (None, Some(file)) => (file, Some(reference)),
        (None, None) => (reference, None),
    }
}

/// A tensor's name in errors.
fn origin(name: &str, path: &Path) -> String {
    format!("the tensor {name:?} of {}", path.display())
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
        return Ok((name.to_owned(), origin(name, path)));
    }
    let nearest = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest.map_or_else(String::new, |(_, near)| format!(" (did you mean {near:?}?)"));
    Err(ImportError::UnknownTensor { path: path.to_owned(), name: name.to_owned(), hint, known: known() })
}
