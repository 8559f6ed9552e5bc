//! The weights files of an import: reads each file once, and finds its tensors and its network.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sottovoce_network::disk::sha256;

use super::error::ImportError;
use super::formats::registry::{FileFormat, Reader};
use super::formats::tensor::Tensor;
use super::formats::weights_file::{FileNetwork, WeightsFile};

/// Separates a file from the tensor in it.
const SEPARATOR: &str = "::";

/// Largest number of tensors in a file whose layers are identified by names and shapes. The reader parses the file's directory
/// again for each tensor, and files of networks of this family have fewer than a hundred.
const MAX_TENSORS: usize = 1024;

/// Largest number of numbers in all tensors of a file together, for each byte of the file. It is above 1 because tensors may
/// share bytes or be compressed.
const MAX_NUMBERS_PER_BYTE: usize = 32;

/// Numbers that a file may hold in addition, whatever its size, because weights of small files may be mostly zeros.
const EXTRA_NUMBERS: usize = 4 << 20;

/// Weights files, each read once.
///
/// ```rust
/// use std::path::Path;
///
/// use sottovoce_export::import::WeightFiles;
///
/// let mut files = WeightFiles::new(Path::new("."), 28).with_file("bias.csv", b"0.5,1\n".to_vec());
/// assert_eq!(files.tensor(None, "bias.csv")?.values, [0.5, 1.0]);
/// # Ok::<(), sottovoce_export::import::ImportError>(())
/// ```
#[derive(Debug)]
pub struct WeightFiles {
    /// The folder of the description, to which its paths are relative.
    folder: PathBuf,
    /// Rows and columns of images in pixels, for networks that accept any size.
    image_side: usize,
    files: BTreeMap<PathBuf, Vec<u8>>,
    /// Results of [`network`](Self::network).
    networks: BTreeMap<PathBuf, Option<FileNetwork>>,
    /// Tensors that were read by name, with their files.
    read_tensors: BTreeSet<(PathBuf, String)>,
}

impl WeightFiles {
    /// Creates the files of `folder` without reading them. Networks that accept images of any size are read for images of
    /// `image_side` rows and columns.
    #[must_use]
    pub fn new(folder: &Path, image_side: usize) -> Self {
        Self {
            folder: folder.to_owned(),
            image_side,
            files: BTreeMap::new(),
            networks: BTreeMap::new(),
            read_tensors: BTreeSet::new(),
        }
    }

    /// Adds a file that is in memory, under a name.
    #[must_use]
    pub fn with_file(mut self, name: &str, bytes: Vec<u8>) -> Self {
        self.files.insert(PathBuf::from(name), bytes);
        self
    }

    /// Returns the SHA-256 of every file that was read, by its path in the description.
    #[must_use]
    pub fn checksums(&self) -> BTreeMap<String, String> {
        self.files.iter().map(|(path, bytes)| (path.display().to_string(), sha256(bytes))).collect()
    }

    /// Returns the names of the tensors that were not read, by the file's path in the description. Files of whole networks and of one
    /// array have none.
    ///
    /// # Errors
    /// If a file is damaged.
    pub fn unread_tensors(&self) -> Result<BTreeMap<String, Vec<String>>, ImportError> {
        let mut unread = BTreeMap::new();
        for (path, bytes) in &self.files {
            if self.networks.get(path).is_some_and(Option::is_some) {
                continue;
            }
            let Reader::Tensors { names, .. } = &FileFormat::of(path)?.reader else { continue };
            let location = self.folder.join(path);
            let names = names(&WeightsFile { path, location: &location, bytes })?;
            let is_unread = |name: &String| !self.read_tensors.contains(&(path.clone(), name.clone()));
            let mut names: Vec<String> = names.into_iter().filter(is_unread).collect();
            names.sort();
            if !names.is_empty() {
                unread.insert(path.display().to_string(), names);
            }
        }
        Ok(unread)
    }

    /// Returns the whole network in `file`, if it holds one.
    ///
    /// # Errors
    /// If the file cannot be read, or its network is of another family.
    pub fn network(&mut self, file: &str) -> Result<Option<&FileNetwork>, ImportError> {
        let path = PathBuf::from(file);
        if !self.networks.contains_key(&path) {
            let format = FileFormat::of(&path)?;
            let (location, image_side) = (self.folder.join(&path), self.image_side);
            let bytes = self.bytes(&path)?;
            let network = match &format.reader {
                Reader::Array { .. } => None,
                Reader::Tensors { network, .. } => {
                    network(&WeightsFile { path: &path, location: &location, bytes }, image_side)?
                }
            };
            self.networks.insert(path.clone(), network);
        }
        Ok(self.networks.get(&path).and_then(Option::as_ref))
    }

    /// Reads all tensors of `file` that hold numbers, by name, in the file's order.
    ///
    /// # Errors
    /// If the file cannot be read, its format has no names, it has more than 1024 tensors, or these hold more than 32 numbers for
    /// each byte of the file and 4 Mi more.
    pub fn tensors(&mut self, file: &str) -> Result<Vec<(String, Tensor)>, ImportError> {
        let path = PathBuf::from(file);
        let format = FileFormat::of(&path)?;
        let location = self.folder.join(&path);
        let bytes = self.bytes(&path)?;
        let weights_file = WeightsFile { path: &path, location: &location, bytes };
        let unidentified = |reason| ImportError::Unidentified { path: path.clone(), reason };
        let Reader::Tensors { names, tensor, .. } = &format.reader else {
            return Err(unidentified(
                "it holds one array without a name, and a network of this family has at least three"
                    .to_owned(),
            ));
        };
        let names = names(&weights_file)?;
        if names.len() > MAX_TENSORS {
            return Err(unidentified(format!(
                "it holds {} tensors, and at most {MAX_TENSORS} are examined",
                names.len()
            )));
        }
        let max_numbers = bytes.len().saturating_mul(MAX_NUMBERS_PER_BYTE).saturating_add(EXTRA_NUMBERS);
        let mut numbers = 0usize;
        let mut tensors = Vec::new();
        let mut first_error = None;
        for name in names {
            // A file may hold counters and texts beside the weights. They are not tensors of a layer.
            let tensor = match tensor(&weights_file, &name, &tensor_origin(&name, &path)) {
                Ok(tensor) => tensor,
                Err(error) => {
                    first_error.get_or_insert(error);
                    continue;
                }
            };
            numbers = numbers.saturating_add(tensor.values.len());
            if numbers > max_numbers {
                return Err(unidentified(format!(
                    "its tensors hold more than {max_numbers} numbers, which is only possible in {} bytes if tensors repeat",
                    bytes.len()
                )));
            }
            tensors.push((name, tensor));
        }
        // The error of a file that holds only pickles is more useful than an empty list.
        match first_error {
            Some(error) if tensors.is_empty() => Err(error),
            _ => Ok(tensors),
        }
    }

    /// Reads the tensor of `reference`: `FILE::NAME`, or a name in `file` if that is given, or else a file.
    ///
    /// # Errors
    /// If there is no such tensor, or it is no array of finite numbers.
    pub fn tensor(&mut self, file: Option<&str>, reference: &str) -> Result<Tensor, ImportError> {
        let (path, name) = split_reference(file, reference);
        let path = PathBuf::from(path);
        let format = FileFormat::of(&path)?;
        let location = self.folder.join(&path);
        let bytes = self.bytes(&path)?;
        let weights_file = WeightsFile { path: &path, location: &location, bytes };
        match &format.reader {
            Reader::Array { read, .. } => read(&weights_file, name),
            Reader::Tensors { names, tensor, .. } => {
                let (name, origin) = find_tensor(&path, &names(&weights_file)?, name)?;
                let tensor = tensor(&weights_file, &name, &origin);
                self.read_tensors.insert((path, name));
                tensor
            }
        }
    }

    /// Reads the file of `reference`, as [`tensor`](Self::tensor) does, without its tensor.
    ///
    /// # Errors
    /// If the file has an unknown format, or cannot be read.
    pub(crate) fn load(&mut self, file: Option<&str>, reference: &str) -> Result<(), ImportError> {
        let path = PathBuf::from(split_reference(file, reference).0);
        FileFormat::of(&path)?;
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

/// Returns whether the weights of `reference` may be stored in another order than their shape says; true if the format is
/// unknown.
pub fn has_memory_order(file: Option<&str>, reference: &str) -> bool {
    let path = split_reference(file, reference).0;
    FileFormat::of(Path::new(path)).map_or(true, FileFormat::has_memory_order)
}

/// Returns the file of `reference` and the name of the tensor in it.
fn split_reference<'a>(file: Option<&'a str>, reference: &'a str) -> (&'a str, Option<&'a str>) {
    match (reference.split_once(SEPARATOR), file) {
        (Some((path, name)), _) => (path, Some(name)),
        (None, Some(file)) => (file, Some(reference)),
        (None, None) => (reference, None),
    }
}

/// Returns the words for a tensor in errors.
fn tensor_origin(name: &str, path: &Path) -> String {
    format!("the tensor {name:?} of {}", path.display())
}

/// Returns the name of the tensor `name` among `names`, or of the only one if `name` is `None`, and the words for it in errors.
fn find_tensor(path: &Path, names: &[String], name: Option<&str>) -> Result<(String, String), ImportError> {
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
        return Ok((name.to_owned(), tensor_origin(name, path)));
    }
    let nearest = names
        .iter()
        .map(|known| (strsim::jaro_winkler(name, known), known))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = nearest.map_or_else(String::new, |(_, near)| format!(" (did you mean {near:?}?)"));
    Err(ImportError::UnknownTensor { path: path.to_owned(), name: name.to_owned(), hint, known: known() })
}
