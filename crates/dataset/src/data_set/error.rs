//! Why there is no data set.

use std::io;
use std::path::PathBuf;

use crate::arrays::error::ArrayError;
use crate::data_set::download::DownloadError;
use crate::pictures::error::PictureError;

/// Why a data set cannot be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is no such folder or file.
    #[error("there is no folder and no .npz file {folder}", folder = folder.display())]
    FolderMissing {
        /// The folder or file.
        folder: PathBuf,
    },
    /// A folder cannot be listed.
    #[error("the folder {folder} cannot be read: {source}", folder = folder.display())]
    FolderUnreadable {
        /// The folder.
        folder: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// A file that is no data set was named.
    #[error(
        "{file} is no data set: name the folder that holds its four IDX files or its folders of pictures, or an \
         .npz file",
        file = file.display()
    )]
    NotADataSet {
        /// The file.
        file: PathBuf,
    },
    /// A folder holds nothing of a data set.
    #[error(
        "{folder} holds no data set: four IDX files under MNIST's, EMNIST's or QMNIST's names (such as \
         train-images-idx3-ubyte, plain or .gz), an .npz file, or folders of pictures `train/CLASS` and `test/CLASS` \
         are read; {found}",
        folder = folder.display()
    )]
    NoDataSet {
        /// The folder.
        folder: PathBuf,
        /// What it holds, in words.
        found: String,
    },
    /// A data set lies in a folder inside the one that was named.
    #[error(
        "{folder} holds no data set itself, but {below} does: name that folder",
        folder = folder.display(),
        below = below.display()
    )]
    DataSetBelow {
        /// The folder that was named.
        folder: PathBuf,
        /// The folder that holds the data set.
        below: PathBuf,
    },
    /// A folder holds several data sets.
    #[error(
        "{folder} holds several data sets; choose one by its name (`data.name` in an experiment): {names}",
        folder = folder.display(),
        names = names.join(", ")
    )]
    SeveralDataSets {
        /// The folder.
        folder: PathBuf,
        /// The data sets' names.
        names: Vec<String>,
    },
    /// The usual folder of MNIST holds something else.
    #[error(
        "{folder} holds data, but not MNIST's four files: {found}. Give the four files their names \
         ({train} and so on, plain or .gz), name another data set's folder with --data-dir and its name in `data.name`, \
         or empty the folder to have MNIST downloaded",
        folder = folder.display(),
        train = crate::data_set::part::Part::TrainImages.file_name()
    )]
    OtherData {
        /// The folder.
        folder: PathBuf,
        /// What it holds, in words.
        found: String,
    },
    /// One of the files of a data set is not in the folder.
    #[error(
        "{folder} holds neither {name} nor {name}.gz; all four files of a data set are needed, and \
         `sottovoce data fetch` gets MNIST's",
        folder = folder.display()
    )]
    FileMissing {
        /// The folder.
        folder: PathBuf,
        /// The file's name.
        name: String,
    },
    /// There are pictures for one half of a data set only.
    #[error(
        "{folder} has no folder `{name}`; pictures are read from `train/CLASS` and `test/CLASS` (or `training` and \
         `testing`), and both are needed",
        folder = folder.display()
    )]
    HalfMissing {
        /// The folder.
        folder: PathBuf,
        /// The folder that is missing.
        name: &'static str,
    },
    /// A folder of pictures has no folders for classes.
    #[error(
        "{folder} has no folders for classes; pictures are read from one folder for each class, such as \
         `{folder}/7/1.png`",
        folder = folder.display()
    )]
    NoClasses {
        /// The folder.
        folder: PathBuf,
    },
    /// The folders for classes hold no pictures.
    #[error("the folders for classes in {folder} hold no PNG, JPEG or BMP files", folder = folder.display())]
    NoPictures {
        /// The folder.
        folder: PathBuf,
    },
    /// There are more classes than labels.
    #[error("there are {classes} folders for classes; at most 256 classes are supported")]
    TooManyClasses {
        /// Folders for classes.
        classes: usize,
    },
    /// All pictures together are too large.
    #[error(
        "{folder} has {pictures} pictures of {side} x {side} pixels; at most 1 GiB of pixels are read",
        folder = folder.display()
    )]
    TooManyPictures {
        /// The folder.
        folder: PathBuf,
        /// Pictures there are.
        pictures: usize,
        /// Pixels on a side.
        side: usize,
    },
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file is not a sound array of images or labels.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// An `.npz` file cannot be read.
    #[error("{file} is not a NumPy archive that can be read: {reason}", file = file.display())]
    NotAnArchive {
        /// The file, or `FILE::ARRAY`.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An `.npz` file has no arrays of a data set.
    #[error(
        "{file} holds the arrays {names}, but a data set has the arrays train_images, train_labels, test_images and \
         test_labels, or x_train, y_train, x_test and y_test",
        file = file.display(),
        names = if names.is_empty() { "(none)".to_owned() } else { names.join(", ") }
    )]
    ArchiveWithoutDataSet {
        /// The file.
        file: PathBuf,
        /// The names of its arrays.
        names: Vec<String>,
    },
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
    /// Labels are said to begin at 1, but one is 0.
    #[error("`data.first_label` is 1, but {file} has labels of 0", file = file.display())]
    LabelZero {
        /// The file of the labels.
        file: PathBuf,
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
        "the data set `{name}` is neither `mnist` nor `synthetic`, so its folder or .npz file has to be named \
         (`--data-dir` or SOTTOVOCE_DATA)"
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
    Download(#[from] DownloadError),
}
