//! Why there is no data set.

use std::path::PathBuf;

use crate::fetch::FetchError;
use crate::idx::IdxError;

/// Why a data set cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no such folder.
    #[error("there is no folder {folder}", folder = folder.display())]
    FolderMissing {
        /// The folder.
        folder: PathBuf,
    },
    /// One of the four files is not in the folder.
    #[error(
        "{folder} holds neither {name} nor {name}.gz; all four files of a data set are needed, and \
         `sottovoce data fetch` gets MNIST's",
        folder = folder.display()
    )]
    FileMissing {
        /// The folder.
        folder: PathBuf,
        /// The file's canonical name.
        name: &'static str,
    },
    /// A file is not a sound IDX file.
    #[error(transparent)]
    Idx(#[from] IdxError),
    /// Images and labels do not belong together.
    #[error(
        "{images_file} holds {images} images, but {labels_file} {labels} labels; the numbers must be equal",
        images_file = images_file.display(),
        labels_file = labels_file.display()
    )]
    CountsDiffer {
        /// The file of the images.
        images_file: PathBuf,
        /// How many images there are.
        images: usize,
        /// The file of the labels.
        labels_file: PathBuf,
        /// How many labels there are.
        labels: usize,
    },
    /// Training and test images do not belong together.
    #[error(
        "{folder} holds training images of {train} x {train} pixels, but test images of {test} x {test}; \
         the sizes must be equal",
        folder = folder.display()
    )]
    SidesDiffer {
        /// The folder.
        folder: PathBuf,
        /// Pixels on a side of the training images.
        train: usize,
        /// Pixels on a side of the test images.
        test: usize,
    },
    /// A sound IDX file, but not MNIST's.
    #[error(
        "{file} is not MNIST's: the SHA-256 of its content is {found}, expected is {expected}; delete it \
         and fetch it again (`sottovoce data fetch`), or, if it belongs to another data set, give that one \
         its own name (`[data] name`)",
        file = file.display()
    )]
    ChecksumDiffers {
        /// The file.
        file: PathBuf,
        /// SHA-256 of its decompressed bytes.
        found: String,
        /// SHA-256 of MNIST's.
        expected: &'static str,
    },
    /// A data set other than MNIST, without a folder.
    #[error(
        "the data set `{name}` is neither `mnist` nor `synthetic`, so the folder of its four IDX files has \
         to be named (`--data-dir` or SOTTOVOCE_DATA)"
    )]
    FolderNeeded {
        /// The data set's name.
        name: String,
    },
    /// A data set without images.
    #[error("{train} training and {test} test images were asked for; a data set has at least one of each")]
    NoSyntheticImages {
        /// Training images asked for.
        train: usize,
        /// Test images asked for.
        test: usize,
    },
    /// A download failed.
    #[error(transparent)]
    Fetch(#[from] FetchError),
}
