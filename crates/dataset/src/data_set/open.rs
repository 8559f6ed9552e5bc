//! Opens a data set: finds its files, downloads MNIST, or uses synthetic digits.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::arrays::array::{ImageArray, LabelArray};
use crate::data_set::download::{DownloadError, MnistDownload};
use crate::data_set::error::DataError;
use crate::data_set::event::DataEvent;
use crate::data_set::known;
use crate::data_set::layout;
use crate::data_set::part::Part;
use crate::data_set::request::{DataName, Orientation, Request};
use crate::data_set::stored::{self, PartSource, StoredDataSet};
use crate::file_content;
use crate::labelled_images::LabelledImages;
use crate::synthetic::{Subset, SyntheticSize, synthetic_digits};

/// Training and test images with their origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Name of the data set; `synthetic` for the built-in digits, also if another data set was requested.
    pub name: String,
    /// Origin of the images.
    pub origin: Origin,
    /// Training images.
    pub train: LabelledImages,
    /// Test images, with the same side as the training images.
    pub test: LabelledImages,
    /// SHA-256 in hexadecimal by name:
    ///
    /// - of each IDX file's decompressed bytes, by the file's name without `.gz`;
    /// - for arrays and pictures, of the four IDX files that would hold the same images and labels, by the names of the
    ///   arrays, or by `train-images` and so on;
    /// - for synthetic digits, of pixels followed by labels, by `train` and `test`;
    /// - if images or labels were transposed, inverted or renumbered, also of the resulting pixels followed by labels, by
    ///   `train as read` and `test as read`.
    pub checksums: BTreeMap<String, String>,
    /// Number of classes: one more than the largest label.
    pub classes: usize,
    /// Names of the classes by label; `None` if the names are the labels.
    pub class_names: Option<Vec<String>>,
    /// Order of the pixels in the files. The images here are upright.
    pub orientation: Orientation,
    /// Name of the known data set to which the files belong by their checksums.
    pub recognised: Option<&'static str>,
}

/// Origin of a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder or an `.npz` file.
    Folder(PathBuf),
    /// Synthetic digits.
    Synthetic {
        /// Seed of the random numbers.
        seed: u64,
    },
}

impl DataSet {
    /// Returns whether these are the built-in synthetic digits. Every record and chart must say so.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        matches!(self.origin, Origin::Synthetic { .. })
    }
}

/// Opens the requested data set. `event` is called for every [`DataEvent`].
///
/// A named folder or file is used, or opening fails. Without one, MNIST is read from `default_dir`, and missing files are
/// downloaded. If `default_dir` holds no data and MNIST cannot be downloaded, the synthetic digits are used, and
/// [`DataEvent::SyntheticUsed`] gives the reason.
///
/// # Errors
/// If a folder that is named or that holds data is not a valid data set, another data set than MNIST is requested without
/// a path, a downloaded file cannot be written, or the number of synthetic training or test digits is 0.
pub fn open(request: &Request, event: &mut dyn FnMut(DataEvent)) -> Result<DataSet, DataError> {
    match (&request.name, &request.path) {
        (DataName::Synthetic, _) => synthetic(request.synthetic),
        (DataName::Mnist | DataName::Other(_), Some(folder)) => from_files(request, folder, event),
        (DataName::Other(name), None) => Err(DataError::FolderNeeded { name: name.clone() }),
        (DataName::Mnist, None) => usual_mnist(request, event),
    }
}

fn usual_mnist(request: &Request, event: &mut dyn FnMut(DataEvent)) -> Result<DataSet, DataError> {
    let folder = &request.default_dir;
    let present = Part::ALL.iter().filter(|part| part.find_in(folder).is_some()).count();
    if present == Part::ALL.len() || (present > 0 && !request.allow_download) {
        return from_files(request, folder, event);
    }
    // Files in the default folder are used.
    if present == 0 && folder.is_dir() {
        if !layout::find(folder)?.layouts.is_empty() {
            return from_files(request, folder, event);
        }
        if let Some(below) = layout::find_below(folder) {
            return Err(DataError::DataSetBelow { folder: folder.clone(), below });
        }
        let names = layout::list_names(folder)?;
        if names.iter().any(|name| layout::looks_like_data(name)) {
            return Err(DataError::OtherData {
                folder: folder.clone(),
                found: stored::describe_names(&names),
            });
        }
    }
    let reason = if request.allow_download {
        let download = MnistDownload { mirrors: request.mirrors.clone(), ..MnistDownload::default() };
        match download.run(folder, event) {
            Ok(()) => return from_files(request, folder, event),
            Err(error @ DownloadError::NoMirror { .. }) if present == 0 => error.to_string(),
            Err(error) => return Err(error.into()),
        }
    } else {
        format!("{} holds no MNIST, and a download is not allowed", folder.display())
    };
    event(DataEvent::SyntheticUsed { reason });
    synthetic(request.synthetic)
}

/// Reads the data set in a folder or file.
fn from_files(
    request: &Request,
    path: &Path,
    event: &mut dyn FnMut(DataEvent),
) -> Result<DataSet, DataError> {
    let name = request.name.to_string();
    // Transparent pixels are background after inverting.
    let background = if request.invert { u8::MAX } else { 0 };
    let StoredDataSet { train, test, sources, transposed, class_names, unused } =
        stored::read(path, &name, background)?;
    if request.name == DataName::Mnist {
        check_mnist(&sources)?;
    }
    for (path, reason) in unused {
        event(DataEvent::Unused { path, reason });
    }
    let recognised = known::recognise(sources.each_ref().map(|source| source.sha256.as_str()));
    if let Some(known) = recognised.filter(|known| !known::is_called(known, &name)) {
        event(DataEvent::Recognised { asked: name.clone(), known });
    }
    let [train_images, train_labels, test_images, test_labels] = &sources;
    let train = labelled(train, train_images, train_labels)?;
    let test = labelled(test, test_images, test_labels)?;
    if train.side() != test.side() {
        return Err(DataError::SidesDiffer { folder: path.into(), train: train.side(), test: test.side() });
    }
    let mut halves = [train, test];
    let usual = if transposed { Orientation::Transposed } else { Orientation::Upright };
    let orientation = request.orientation.unwrap_or(usual);
    let mut changed = request.invert || orientation == Orientation::Transposed;
    if orientation == Orientation::Transposed {
        halves = halves.map(LabelledImages::transposed);
        if request.orientation.is_none() {
            event(DataEvent::Transposed { name: name.clone() });
        }
    }
    if request.invert {
        halves = halves.map(LabelledImages::inverted);
    }
    let from_one = labels_from_one(&halves);
    let largest = halves.iter().flat_map(LabelledImages::labels).copied().max().unwrap_or_default();
    match request.first_label {
        Some(1) => {
            let zero =
                halves.iter().zip([train_labels, test_labels]).find(|(half, _)| half.labels().contains(&0));
            if let Some((_, labels)) = zero {
                return Err(DataError::LabelZero { file: labels.path.clone() });
            }
            halves = halves.map(LabelledImages::with_labels_from_one);
            changed = true;
        }
        None if from_one => {
            halves = halves.map(LabelledImages::with_labels_from_one);
            changed = true;
            event(DataEvent::LabelsFromOne { last: largest });
        }
        _ => {}
    }
    let classes = halves.iter().map(|half| half.counts().len()).max().unwrap_or_default();
    let mut checksums: BTreeMap<String, String> =
        sources.into_iter().map(|source| (source.name, source.sha256)).collect();
    let [train, test] = halves;
    if changed {
        // Results depend on these changes as well as on the files.
        checksums.insert("train as read".to_owned(), sha256_of(&train));
        checksums.insert("test as read".to_owned(), sha256_of(&test));
    }
    Ok(DataSet {
        name,
        origin: Origin::Folder(path.into()),
        train,
        test,
        checksums,
        classes,
        class_names,
        orientation,
        recognised,
    })
}

/// Returns whether all labels from 1 to the largest occur among the training images, and 0 does not occur.
fn labels_from_one([train, test]: &[LabelledImages; 2]) -> bool {
    let counts = train.counts();
    let complete = counts.len() > 2 && counts.iter().skip(1).all(|&count| count > 0);
    complete && counts.first() == Some(&0) && !test.labels().contains(&0)
}

fn labelled(
    (images, labels): (ImageArray, LabelArray),
    images_from: &PartSource,
    labels_from: &PartSource,
) -> Result<LabelledImages, DataError> {
    let counts = (images.pixels.len() / (images.side * images.side), labels.labels.len());
    LabelledImages::new(images.side, images.pixels, labels.labels).map_err(|_| DataError::CountsDiffer {
        images_file: images_from.path.clone(),
        images: counts.0,
        labels_file: labels_from.path.clone(),
        labels: counts.1,
    })
}

/// Checks that all parts have the checksums of MNIST.
fn check_mnist(sources: &[PartSource; 4]) -> Result<(), DataError> {
    for (part, source) in Part::ALL.into_iter().zip(sources) {
        let expected = part.mnist_sha256();
        if source.sha256 != expected {
            return Err(DataError::ChecksumDiffers {
                file: source.path.clone(),
                found: source.sha256.clone(),
                expected,
            });
        }
    }
    Ok(())
}

/// SHA-256 of pixels followed by labels.
fn sha256_of(images: &LabelledImages) -> String {
    file_content::sha256(images.iter().chain([images.labels()]))
}

fn synthetic(size: SyntheticSize) -> Result<DataSet, DataError> {
    let SyntheticSize { train, test, seed } = size;
    if train == 0 || test == 0 {
        return Err(DataError::NoSyntheticImages { train, test });
    }
    let (train, test) =
        (synthetic_digits(train, seed, Subset::Train), synthetic_digits(test, seed, Subset::Test));
    let checksums =
        BTreeMap::from([("train".to_owned(), sha256_of(&train)), ("test".to_owned(), sha256_of(&test))]);
    Ok(DataSet {
        name: DataName::Synthetic.to_string(),
        origin: Origin::Synthetic { seed },
        classes: [&train, &test].map(|half| half.counts().len()).into_iter().max().unwrap_or_default(),
        train,
        test,
        checksums,
        class_names: None,
        orientation: Orientation::Upright,
        recognised: None,
    })
}

#[cfg(test)]
mod tests;
