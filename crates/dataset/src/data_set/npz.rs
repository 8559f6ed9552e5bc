//! Data sets in NumPy's `.npz`: a ZIP archive of `.npy` files, stored or deflated.

use std::fs::File;
use std::io::{BufReader, Read as _};
use std::path::{Path, PathBuf};

use zip::ZipArchive;

use crate::arrays::array::{Array, ArrayContent, ImageArray, LabelArray, idx_sha256};
use crate::arrays::npy;
use crate::data_set::error::DataError;
use crate::file_content::MAX_CONTENT_BYTES;

/// Names of the four arrays, in the order of [`crate::Part::ALL`]: those of MedMNIST, those of Keras' `mnist.npz`, and
/// two other usual ones. Case does not matter.
const NAMES: [[&str; 4]; 4] = [
    ["train_images", "train_labels", "test_images", "test_labels"],
    ["x_train", "y_train", "x_test", "y_test"],
    ["training_images", "training_labels", "test_images", "test_labels"],
    ["train_x", "train_y", "test_x", "test_y"],
];

/// An archive of arrays.
pub(crate) struct NpzArchive {
    path: PathBuf,
    archive: ZipArchive<BufReader<File>>,
    names: Vec<String>,
}

impl NpzArchive {
    /// Opens the archive and lists its arrays.
    pub(crate) fn open(path: &Path) -> Result<Self, DataError> {
        let damaged = |reason: String| DataError::NotAnArchive { file: path.into(), reason };
        let file = File::open(path).map_err(|error| damaged(error.to_string()))?;
        let archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(error.to_string()))?;
        let mut names: Vec<String> = archive
            .file_names()
            .flatten()
            .filter_map(|name| name.strip_suffix(".npy").map(str::to_owned))
            .collect();
        names.sort_unstable();
        Ok(Self { path: path.into(), archive, names })
    }

    /// Names of the four arrays of a data set in this archive, in the order of [`crate::Part::ALL`]; `None` if one is
    /// missing.
    pub(crate) fn data_set(&self) -> Option<[String; 4]> {
        NAMES.iter().find_map(|wanted| {
            let found: Vec<String> = wanted
                .iter()
                .filter_map(|wanted| {
                    self.names.iter().find(|name| name.eq_ignore_ascii_case(wanted)).cloned()
                })
                .collect();
            <[String; 4]>::try_from(found).ok()
        })
    }

    /// Name of the archive's only array.
    pub(crate) fn only_array(&self) -> Result<String, DataError> {
        match &self.names[..] {
            [name] => Ok(name.clone()),
            names => Err(DataError::ArchiveWithoutDataSet { file: self.path.clone(), names: names.to_vec() }),
        }
    }

    /// Names of all arrays, sorted.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// `ARCHIVE::ARRAY`, the path of an array in errors and records.
    pub(crate) fn array_path(&self, name: &str) -> PathBuf {
        let mut path = self.path.clone().into_os_string();
        path.push(format!("::{name}"));
        path.into()
    }

    /// Reads the images in the array `name`.
    pub(crate) fn images(&mut self, name: &str) -> Result<ImageArray, DataError> {
        let (side, pixels) = self.read(name, ArrayContent::Images)?.into_images(&self.array_path(name))?;
        let sha256 = idx_sha256(&[pixels.len() / (side * side), side, side], &pixels);
        Ok(ImageArray { side, pixels, sha256 })
    }

    /// Reads the labels in the array `name`.
    pub(crate) fn labels(&mut self, name: &str) -> Result<LabelArray, DataError> {
        let labels = self.read(name, ArrayContent::Labels)?.into_labels(&self.array_path(name))?;
        let sha256 = idx_sha256(&[labels.len()], &labels);
        Ok(LabelArray { labels, sha256 })
    }

    fn read(&mut self, name: &str, content: ArrayContent) -> Result<Array, DataError> {
        let origin = self.array_path(name);
        let file = self
            .archive
            .by_name(&format!("{name}.npy"))
            .map_err(|error| DataError::NotAnArchive { file: origin.clone(), reason: error.to_string() })?;
        // The limit on arrays counts elements, of at most 8 bytes. Reading to the end verifies the archive's checksum.
        Ok(npy::read(&origin, file.take(8 * MAX_CONTENT_BYTES + (1 << 20)), content)?)
    }
}

#[cfg(test)]
mod tests;
