//! From a request to a data set: which folder, whether to download, when to fall back.

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

/// Images to train on and to test on, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// The data set's name; `synthetic` for the built-in digits, whatever was asked for.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Images to train on.
    pub train: LabelledImages,
    /// Images to test on, of the same side.
    pub test: LabelledImages,
    /// SHA-256 in hexadecimal. Of IDX files: of each file's decompressed bytes, by its name without `.gz`. Of arrays
    /// and pictures: of the four IDX files that would hold the same images and labels, by the arrays' names or as
    /// `train-images` and so on. Of synthetic digits: of pixels followed by labels, by `train` and `test`. Where images
    /// or labels are not taken as they are stored, also those of pixels followed by labels as they are here, by
    /// `train as read` and `test as read`.
    pub checksums: BTreeMap<String, String>,
    /// Number of classes: one more than the largest label.
    pub classes: usize,
    /// The names of the classes, by label, where they are not the labels themselves.
    pub class_names: Option<Vec<String>>,
    /// How images lay in the files; here they are upright.
    pub orientation: Orientation,
    /// The data set that the files belong to by their checksums, whatever it is called.
    pub recognised: Option<&'static str>,
}

/// Where a data set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A folder or an `.npz` file.
    Folder(PathBuf),
    /// Made here.
    Synthetic {
        /// Of the random numbers.
        seed: u64,
    },
}

impl DataSet {
    /// Whether these are the built-in digits: every record and chart has to say so.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        matches!(self.origin, Origin::Synthetic { .. })
    }
}

/// Opens the data set that is asked for.
///
/// A named folder or file is used or is an error. Without one, MNIST is taken from `default_dir`, completed by a
/// download where it lacks files; where `default_dir` holds no data and MNIST cannot be fetched,
/// [`DataEvent::SyntheticUsed`] says why and the synthetic digits take its place.
///
/// # Errors
/// If a folder that is named or that holds data is not a sound data set, another data set than MNIST comes without a
/// folder, a fetched file cannot be written, or no synthetic digit is asked for.
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
    // What somebody put there is meant to be used.
    if present == 0 && folder.is_dir() {
        if !layout::find(folder)?.layouts.is_empty() {
            return from_files(request, folder, event);
        }
        if let Some(below) = layout::find_below(folder) {
            return Err(DataError::DataSetBelow { folder: folder.clone(), below });
        }
        let names = layout::list(folder)?;
        if names.iter().any(|name| layout::looks_like_data(name)) {
            return Err(DataError::OtherData { folder: folder.clone(), found: stored::listed(&names) });
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

/// The data set in a folder or file.
fn from_files(
    request: &Request,
    path: &Path,
    event: &mut dyn FnMut(DataEvent),
) -> Result<DataSet, DataError> {
    let name = request.name.to_string();
    // What is transparent is background, before inverting as well.
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
        // Whatever is made from the images depends on this as well as on the files.
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

/// Whether all labels from 1 to the largest occur among the training images, and 0 nowhere.
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

/// Checks that all parts are MNIST's.
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
