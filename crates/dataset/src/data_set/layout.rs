//! Finds the data sets in a folder by the names of its files and folders.

use std::fs;
use std::path::{Path, PathBuf};

use crate::data_set::error::DataError;
use crate::data_set::npz::NpzArchive;
use crate::data_set::part::{Part, find_stem};

/// Names of the splits of EMNIST.
const EMNIST_SPLITS: [&str; 6] = ["balanced", "byclass", "bymerge", "digits", "letters", "mnist"];

/// Endings of the names of KMNIST's four files, in the order of [`Part::ALL`].
const KMNIST_ENDINGS: [&str; 4] =
    ["-train-imgs.npz", "-train-labels.npz", "-test-imgs.npz", "-test-labels.npz"];

/// Names of the folders of training and test pictures, in lower case.
const TRAIN_FOLDERS: [&str; 2] = ["train", "training"];
const TEST_FOLDERS: [&str; 2] = ["test", "testing"];

/// Depth and number of folders in which a data set is searched, so that an error can name its folder.
const HINT_DEPTH: usize = 3;
const HINT_FOLDERS: usize = 200;

/// Files or folders that hold a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Name from the files: `mnist` for the four canonical files, `emnist-letters`, the stem of an archive, or
    /// `pictures`.
    pub(crate) name: String,
    pub(crate) form: Form,
}

/// Kind of the files that hold a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Form {
    /// Four IDX files under MNIST's names, in the order of [`Part::ALL`].
    Canonical([PathBuf; 4]),
    /// Four IDX files under other names. `transposed` says whether their images are.
    Idx { files: [PathBuf; 4], transposed: bool },
    /// One archive with four arrays.
    Archive(PathBuf),
    /// Four archives with one array each.
    Archives([PathBuf; 4]),
    /// Folders of pictures to train on and to test on.
    Pictures { train: PathBuf, test: PathBuf },
}

impl Layout {
    /// First file or folder, which messages name.
    pub(crate) fn path(&self) -> &Path {
        match &self.form {
            Form::Canonical([first, ..])
            | Form::Idx { files: [first, ..], .. }
            | Form::Archives([first, ..]) => first,
            Form::Archive(file) => file,
            Form::Pictures { train, .. } => train,
        }
    }
}

/// File or folder that is missing from an incomplete data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingPart {
    /// Name of a file, without `.gz`.
    File(String),
    /// Name of a folder of pictures.
    Folder(&'static str),
}

/// Data sets and names in a folder.
#[derive(Debug)]
pub(crate) struct FolderContents {
    /// Complete data sets, the canonical one first.
    pub(crate) layouts: Vec<Layout>,
    /// First file or folder that is missing from an incomplete data set.
    pub(crate) missing: Option<MissingPart>,
    /// Names of all files and folders, sorted.
    pub(crate) names: Vec<String>,
}

/// Finds the data sets directly in `folder`.
pub(crate) fn find(folder: &Path) -> Result<FolderContents, DataError> {
    let names = list_names(folder)?;
    let mut contents = FolderContents { layouts: Vec::new(), missing: None, names };
    let canonical = Part::ALL.map(|part| (part.file_name().to_owned(), part.find_in(folder)));
    contents.add("mnist", canonical, Form::Canonical);
    for split in EMNIST_SPLITS {
        let stems = ["train-images-idx3", "train-labels-idx1", "test-images-idx3", "test-labels-idx1"]
            .map(|part| format!("emnist-{split}-{part}-ubyte"));
        contents.add(&format!("emnist-{split}"), located(folder, stems), |files| Form::Idx {
            files,
            transposed: true,
        });
    }
    let stems = [
        "train-images-idx3-ubyte",
        "train-labels-idx2-int",
        "test-images-idx3-ubyte",
        "test-labels-idx2-int",
    ]
    .map(|part| format!("qmnist-{part}"));
    contents.add("qmnist", located(folder, stems), |files| Form::Idx { files, transposed: false });
    contents.add_archives(folder);
    contents.add_pictures(folder);
    Ok(contents)
}

/// Finds a folder below `folder` that holds a data set, so that an error can name it.
pub(crate) fn find_below(folder: &Path) -> Option<PathBuf> {
    let mut folders = vec![(folder.to_owned(), 0)];
    let mut at = 0;
    while let Some((folder, depth)) = folders.get(at).cloned() {
        at += 1;
        if at > 1 && find(&folder).is_ok_and(|contents| !contents.layouts.is_empty()) {
            return Some(folder);
        }
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        let mut below: Vec<PathBuf> = entries
            .filter_map(Result::ok)
            // `file_type` does not follow links.
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
            .map(|entry| entry.path())
            .collect();
        below.sort_unstable();
        if depth < HINT_DEPTH && folders.len() + below.len() <= HINT_FOLDERS {
            folders.extend(below.into_iter().map(|folder| (folder, depth + 1)));
        }
    }
    None
}

/// Returns whether a file with this name looks like data: an IDX file, or an archive of arrays.
pub(crate) fn looks_like_data(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    plain.ends_with("-ubyte") || plain.ends_with("-int") || plain.ends_with(".idx") || plain.ends_with(".npz")
}

/// Lists the names in a folder, sorted.
pub(crate) fn list_names(folder: &Path) -> Result<Vec<String>, DataError> {
    let unreadable = |source| DataError::FolderUnreadable { folder: folder.into(), source };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        names.push(entry.map_err(unreadable)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

fn located(folder: &Path, stems: [String; 4]) -> [(String, Option<PathBuf>); 4] {
    stems.map(|stem| {
        let path = find_stem(folder, &stem);
        (stem, path)
    })
}

impl FolderContents {
    /// Adds the data set in these files if all exist; otherwise notes the first missing file if some exist.
    fn add(
        &mut self,
        name: &str,
        files: [(String, Option<PathBuf>); 4],
        form: impl Fn([PathBuf; 4]) -> Form,
    ) {
        let found: Vec<PathBuf> = files.iter().filter_map(|(_, path)| path.clone()).collect();
        let some = !found.is_empty();
        match <[PathBuf; 4]>::try_from(found) {
            Ok(files) => self.layouts.push(Layout { name: name.to_owned(), form: form(files) }),
            Err(_) if some && self.missing.is_none() => {
                self.missing = files
                    .into_iter()
                    .find(|(_, path)| path.is_none())
                    .map(|(stem, _)| MissingPart::File(stem));
            }
            Err(_) => {}
        }
    }

    fn add_archives(&mut self, folder: &Path) {
        let archives: Vec<String> =
            self.names.iter().filter(|name| name.to_ascii_lowercase().ends_with(".npz")).cloned().collect();
        for archive in archives {
            if let Some(prefix) = archive.strip_suffix(KMNIST_ENDINGS[0]) {
                let files = KMNIST_ENDINGS.map(|ending| {
                    let name = format!("{prefix}{ending}");
                    let path = Some(folder.join(&name)).filter(|path| path.is_file());
                    (name, path)
                });
                self.add(prefix, files, Form::Archives);
            }
            let path = folder.join(&archive);
            if path.is_file() && NpzArchive::open(&path).is_ok_and(|archive| archive.data_set().is_some()) {
                self.layouts.push(archive_layout(path));
            }
        }
    }

    fn add_pictures(&mut self, folder: &Path) {
        let named = |allowed: [&str; 2]| {
            self.names
                .iter()
                .find(|name| allowed.contains(&name.to_ascii_lowercase().as_str()))
                .map(|name| folder.join(name))
                .filter(|path| path.is_dir())
        };
        match (named(TRAIN_FOLDERS), named(TEST_FOLDERS)) {
            (Some(train), Some(test)) => {
                let form = Form::Pictures { train, test };
                self.layouts.push(Layout { name: "pictures".to_owned(), form });
            }
            (Some(_), None) if self.missing.is_none() => self.missing = Some(MissingPart::Folder("test")),
            (None, Some(_)) if self.missing.is_none() => self.missing = Some(MissingPart::Folder("train")),
            _ => {}
        }
    }
}

/// Layout of a data set in one archive.
pub(crate) fn archive_layout(path: PathBuf) -> Layout {
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Layout { name, form: Form::Archive(path) }
}
