//! Reads the files of a data set without changing images or labels.

use std::path::{Path, PathBuf};

use crate::arrays::array::{ImageArray, LabelArray};
use crate::arrays::idx::{read_images, read_labels};
use crate::data_set::class_folders;
use crate::data_set::error::DataError;
use crate::data_set::known;
use crate::data_set::layout::{self, FolderContents, Form, Layout, MissingPart};
use crate::data_set::npz::NpzArchive;
use crate::data_set::part::Part;

/// Number of names in a folder that an error shows.
const NAMES_SHOWN: usize = 8;

/// Origin of one of the four parts of a data set.
#[derive(Debug)]
pub(crate) struct PartSource {
    /// A file, `ARCHIVE::ARRAY`, or a folder of pictures.
    pub(crate) path: PathBuf,
    /// Name of the part in records.
    pub(crate) name: String,
    /// SHA-256 of the IDX file with the same content.
    pub(crate) sha256: String,
}

/// A data set with images and labels as its files hold them: not transposed, inverted or renumbered.
#[derive(Debug)]
pub(crate) struct StoredDataSet {
    pub(crate) train: (ImageArray, LabelArray),
    pub(crate) test: (ImageArray, LabelArray),
    /// Origin of each part, in the order of [`Part::ALL`].
    pub(crate) sources: [PartSource; 4],
    /// True if the names of the files say that images are transposed.
    pub(crate) transposed: bool,
    /// Name of each label, if the files have names.
    pub(crate) class_names: Option<Vec<String>>,
    /// Files, folders and arrays that are not read, with the reason.
    pub(crate) unused: Vec<(PathBuf, String)>,
}

/// Reads the data set in `path`, a folder or an `.npz` file.
///
/// If a folder holds several data sets, the one with the name `name` is read, or else the one under MNIST's names.
/// Transparent pixels of pictures become `background`.
pub(crate) fn read(path: &Path, name: &str, background: u8) -> Result<StoredDataSet, DataError> {
    if path.is_dir() {
        let (layout, unused) = choose_layout(path, layout::find(path)?, name)?;
        let mut stored = read_layout(layout, background)?;
        stored.unused.extend(unused);
        return Ok(stored);
    }
    if !path.exists() {
        return Err(DataError::FolderMissing { folder: path.into() });
    }
    let is_archive = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"));
    if !is_archive {
        return Err(DataError::NotADataSet { file: path.into() });
    }
    read_layout(layout::archive_layout(path.into()), background)
}

/// Chooses the data set of a folder. Returns it, and the paths of the others with the reason why they are not read.
fn choose_layout(
    folder: &Path,
    contents: FolderContents,
    name: &str,
) -> Result<(Layout, Vec<(PathBuf, String)>), DataError> {
    let FolderContents { mut layouts, missing, names } = contents;
    let named = layouts.iter().position(|layout| known::is_called(&layout.name, name));
    // The layout of the canonical files is the first one.
    let usual = layouts.first().is_some_and(|layout| matches!(layout.form, Form::Canonical(_)));
    let chosen = match (named, layouts.len(), usual) {
        (Some(at), ..) => at,
        (None, 1, _) | (None, _, true) => 0,
        (None, 0, _) => return Err(no_data_set(folder, missing, names)),
        _ => {
            let names = layouts.into_iter().map(|layout| layout.name).collect();
            return Err(DataError::SeveralDataSets { folder: folder.into(), names });
        }
    };
    let layout = layouts.remove(chosen);
    let reason = format!(
        "the folder holds several data sets, of which `{}` is read; the data set's name chooses another",
        layout.name
    );
    let unused = layouts.iter().map(|other| (other.path().to_owned(), reason.clone())).collect();
    Ok((layout, unused))
}

/// Error of a folder without a complete data set.
fn no_data_set(folder: &Path, missing: Option<MissingPart>, names: Vec<String>) -> DataError {
    let folder = folder.to_owned();
    match missing {
        Some(MissingPart::File(name)) => DataError::FileMissing { folder, name },
        Some(MissingPart::Folder(name)) => DataError::HalfMissing { folder, name },
        None => match layout::find_below(&folder) {
            Some(below) => DataError::DataSetBelow { folder, below },
            None => DataError::NoDataSet { folder, found: describe_names(&names) },
        },
    }
}

/// Describes the content of a folder, as part of an error message.
pub(crate) fn describe_names(names: &[String]) -> String {
    match names.split_at_checked(NAMES_SHOWN) {
        _ if names.is_empty() => "it is empty".to_owned(),
        Some((shown, rest)) if !rest.is_empty() => {
            format!("it holds {} and {} more", shown.join(", "), rest.len())
        }
        _ => format!("it holds {}", names.join(", ")),
    }
}

fn read_layout(layout: Layout, background: u8) -> Result<StoredDataSet, DataError> {
    match layout.form {
        Form::Canonical(files) => {
            // Records use the canonical names, not those of the files.
            read_idx(files, Part::ALL.map(|part| part.file_name().to_owned()), false)
        }
        Form::Idx { files, transposed } => {
            let names = files.each_ref().map(|file| {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                name.strip_suffix(".gz").unwrap_or(&name).to_owned()
            });
            read_idx(files, names, transposed)
        }
        Form::Archive(file) => read_archive(&file),
        Form::Archives(files) => read_archives(files),
        Form::Pictures { train, test } => read_pictures(&train, &test, background),
    }
}

fn read_idx(files: [PathBuf; 4], names: [String; 4], transposed: bool) -> Result<StoredDataSet, DataError> {
    let [train_images, train_labels, test_images, test_labels] = &files;
    let train = (read_images(train_images)?, read_labels(train_labels)?);
    let test = (read_images(test_images)?, read_labels(test_labels)?);
    let stored = StoredDataSet::new(train, test, files, names);
    Ok(StoredDataSet { transposed, ..stored })
}

fn read_archive(file: &Path) -> Result<StoredDataSet, DataError> {
    let mut archive = NpzArchive::open(file)?;
    let Some(names) = archive.data_set() else {
        let names = archive.names().to_vec();
        return Err(DataError::ArchiveWithoutDataSet { file: file.into(), names });
    };
    let unused = archive
        .names()
        .iter()
        .filter(|&name| !names.contains(name))
        .map(|name| {
            let reason = match name.to_ascii_lowercase().contains("val") {
                true => "validation images are held out of the training images (`data.validation_images`)",
                false => "it is not one of the four arrays of the data set",
            };
            (archive.array_path(name), reason.to_owned())
        })
        .collect();
    let [train_images, train_labels, test_images, test_labels] = &names;
    let train = (archive.images(train_images)?, archive.labels(train_labels)?);
    let test = (archive.images(test_images)?, archive.labels(test_labels)?);
    let paths = names.each_ref().map(|name| archive.array_path(name));
    Ok(StoredDataSet { unused, ..StoredDataSet::new(train, test, paths, names) })
}

fn read_archives(files: [PathBuf; 4]) -> Result<StoredDataSet, DataError> {
    let images = |file: &Path| {
        let mut archive = NpzArchive::open(file)?;
        let name = archive.only_array()?;
        archive.images(&name)
    };
    let labels = |file: &Path| {
        let mut archive = NpzArchive::open(file)?;
        let name = archive.only_array()?;
        archive.labels(&name)
    };
    let [train_images, train_labels, test_images, test_labels] = &files;
    let train = (images(train_images)?, labels(train_labels)?);
    let test = (images(test_images)?, labels(test_labels)?);
    let names =
        files.each_ref().map(|file| file.file_name().unwrap_or_default().to_string_lossy().into_owned());
    Ok(StoredDataSet::new(train, test, files, names))
}

fn read_pictures(train: &Path, test: &Path, background: u8) -> Result<StoredDataSet, DataError> {
    let set = class_folders::read(train, test, background)?;
    let paths = [train, train, test, test].map(Path::to_owned);
    let names = ["train-images", "train-labels", "test-images", "test-labels"].map(str::to_owned);
    let unused = set.skipped.into_iter().map(|left| (left.path, left.reason.to_string())).collect();
    let stored = StoredDataSet::new(set.train, set.test, paths, names);
    Ok(StoredDataSet { class_names: set.class_names, unused, ..stored })
}

impl StoredDataSet {
    fn new(
        train: (ImageArray, LabelArray),
        test: (ImageArray, LabelArray),
        paths: [PathBuf; 4],
        names: [String; 4],
    ) -> Self {
        let sums = [&train.0.sha256, &train.1.sha256, &test.0.sha256, &test.1.sha256].map(String::clone);
        let mut parts = paths.into_iter().zip(names).zip(sums);
        let sources = [(); 4].map(|()| {
            let ((path, name), sha256) = parts.next().unwrap_or_default();
            PartSource { path, name, sha256 }
        });
        Self { train, test, sources, transposed: false, class_names: None, unused: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
