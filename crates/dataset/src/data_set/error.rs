//! Errors of opening a data set.

use std::io;
use std::path::PathBuf;

use crate::arrays::error::ArrayError;
use crate::data_set::download::DownloadError;
use crate::pictures::error::PictureError;

/// Error of opening a data set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The folder or file does not exist.
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
        /// Cause of the failure.
        source: io::Error,
    },
    /// The named file is not a data set.
    #[error(
        "{file} is not a data set: name the folder that holds its four IDX files or its folders of pictures, or an \
         .npz file",
        file = file.display()
    )]
    NotADataSet {
        /// The file.
        file: PathBuf,
    },
    /// A folder holds no part of a data set.
    #[error(
        "{folder} holds no data set: four IDX files under MNIST's, EMNIST's or QMNIST's names (such as \
         train-images-idx3-ubyte, plain or .gz), an .npz file, or folders of pictures `train/CLASS` and `test/CLASS` \
         are read; {found}",
        folder = folder.display()
    )]
    NoDataSet {
        /// The folder.
        folder: PathBuf,
        /// Description of its content, as part of the message.
        found: String,
    },
    /// A data set is in a folder inside the named one.
    #[error(
        "{folder} holds no data set, but {below} inside it does: name that folder",
        folder = folder.display(),
        below = below.display()
    )]
    DataSetBelow {
        /// Named folder.
        folder: PathBuf,
        /// Folder that holds the data set.
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
        /// Names of the data sets.
        names: Vec<String>,
    },
    /// The default folder of MNIST holds other data.
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
        /// Description of its content, as part of the message.
        found: String,
    },
    /// A file of a data set is missing in the folder.
    #[error(
        "{folder} holds neither {name} nor {name}.gz; all four files of a data set are needed, and \
         `sottovoce data fetch` gets MNIST's",
        folder = folder.display()
    )]
    FileMissing {
        /// The folder.
        folder: PathBuf,
        /// Name of the file.
        name: String,
    },
    /// There are pictures for only one half of a data set.
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
    /// There are more classes than labels can express.
    #[error("there are {classes} folders for classes; at most 256 classes are supported")]
    TooManyClasses {
        /// Number of folders for classes.
        classes: usize,
    },
    /// All pictures together have too many pixels.
    #[error(
        "{folder} has {pictures} pictures of {side} x {side} pixels; at most 1 GiB of pixels are read",
        folder = folder.display()
    )]
    TooManyPictures {
        /// The folder.
        folder: PathBuf,
        /// Number of pictures.
        pictures: usize,
        /// Pixels on a side.
        side: usize,
    },
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// A file is not a valid array of images or labels.
    #[error(transparent)]
    Array(#[from] ArrayError),
    /// An `.npz` file cannot be read.
    #[error("{file} is not a NumPy archive that can be read: {reason}", file = file.display())]
    NotAnArchive {
        /// The file, or `FILE::ARRAY`.
        file: PathBuf,
        /// Cause of the failure.
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
        /// Names of its arrays.
        names: Vec<String>,
    },
    /// The numbers of images and labels differ.
    #[error(
        "{images_file} holds {images} images, but {labels_file} holds {labels} labels; the numbers must be equal",
        images_file = images_file.display(),
        labels_file = labels_file.display()
    )]
    CountsDiffer {
        /// File of the images.
        images_file: PathBuf,
        /// Number of images.
        images: usize,
        /// File of the labels.
        labels_file: PathBuf,
        /// Number of labels.
        labels: usize,
    },
    /// Training and test images have different sizes.
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
    /// The first label is set to 1, but a label is 0.
    #[error("`data.first_label` is 1, but {file} has labels of 0", file = file.display())]
    LabelZero {
        /// File of the labels.
        file: PathBuf,
    },
    /// A valid IDX file is not the file of MNIST.
    #[error(
        "{file} is not the file of MNIST: the SHA-256 of its content is {found}, not {expected}; delete it and download \
         it again (`sottovoce data fetch`), or, if it belongs to another data set, set the name of that data set \
         (`[data] name`)",
        file = file.display()
    )]
    ChecksumDiffers {
        /// The file.
        file: PathBuf,
        /// SHA-256 of its decompressed bytes.
        found: String,
        /// SHA-256 of the file of MNIST.
        expected: &'static str,
    },
    /// A data set other than MNIST is requested without a path.
    #[error(
        "the data set `{name}` is neither `mnist` nor `synthetic`, so its folder or .npz file must be named \
         (`--data-dir` or SOTTOVOCE_DATA)"
    )]
    FolderNeeded {
        /// Name of the data set.
        name: String,
    },
    /// The number of synthetic training or test images is 0.
    #[error("{train} training and {test} test images were requested; a data set has at least one of each")]
    NoSyntheticImages {
        /// Requested training images.
        train: usize,
        /// Requested test images.
        test: usize,
    },
    /// A download failed.
    #[error(transparent)]
    Download(#[from] DownloadError),
}
