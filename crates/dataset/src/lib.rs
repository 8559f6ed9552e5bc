//! Image data sets, and their division among the members of an ensemble.
//!
//! The way of a data set, from the request to the members' images:
//!
//! 1. A [`Request`] names a data set and its possible sources. [`open`] turns it into a [`DataSet`]: from a folder or an
//!    `.npz` file, from a public mirror ([`MnistDownload`]), or from the built-in [`synthetic_digits`]. Synthetic digits are
//!    reported by a [`DataEvent`] and marked in [`DataSet::origin`]. A path that the user names is used, or opening fails.
//! 2. A folder holds four IDX files ([`Part`]), plain or `.gz`, NumPy archives, or pictures in one folder for each class.
//!    All files are treated as hostile. MNIST must have its known SHA-256; the SHA-256 of other data sets is recorded, and
//!    known data sets are recognised under any name. Images of EMNIST are turned upright.
//! 3. [`hold_out`] holds validation images out of the training images. No member trains on them.
//! 4. [`group_labels`] divides the labels into groups by a [`SplitMethod`], and [`partition`] divides the training images,
//!    so that each member sees mostly the labels of its own group. Or every member draws a mix of labels
//!    ([`partition_dirichlet`]).
//!
//! All random numbers follow from a seed. All of this needs the feature `data-sets`, pictures do not.
//!
//! [`read_pictures`] reads a user's own images to classify, in PNG, JPEG, BMP or IDX files or folders of them, as
//! [`Pictures`]: without labels, with the names of their files, and of the size that a model reads. [`Inspection`] finds
//! images that are unlike those that networks are trained on.
//!
//! ```
//! use sottovoce_dataset::{DataName, Request, ShareRange, SplitMethod, SyntheticSize};
//! use sottovoce_dataset::{group_labels, label_counts, open, partition};
//!
//! let synthetic = SyntheticSize { train: 500, test: 100, seed: 1 };
//! let data = open(&Request { synthetic, ..Request::new(DataName::Synthetic) }, &mut |_| {})?;
//! assert!(data.is_synthetic());
//!
//! let groups = group_labels(&SplitMethod::Likewise, 3, data.classes, 1)?;
//! assert_eq!(groups[0], [0, 6, 8]);
//! let split = partition(data.train.labels(), &groups, ShareRange::new(0.9, 0.95)?, 1)?;
//! let counts = label_counts(&split.indices, data.train.labels(), data.classes);
//! assert!(counts[0][6] > counts[1][6] + counts[2][6]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arrays;
mod file_content;
mod inspection;
mod labelled_images;
mod pictures;

#[cfg(feature = "data-sets")]
mod data_set;
#[cfg(feature = "data-sets")]
mod split;
#[cfg(feature = "data-sets")]
mod synthetic;
#[cfg(test)]
mod test_files;

pub use arrays::array::{ImageArray, LabelArray};
pub use arrays::error::ArrayError;
pub use arrays::idx::{read_images, read_labels};
pub use arrays::npy_header::{NpyHeader, NpyHeaderError};
pub use inspection::{DuplicateCounts, FAINT_BRIGHTNESS, Inspection};
pub use labelled_images::{LabelledImages, ShapeError};
pub use pictures::error::{PictureError, PngError};
pub use pictures::folder::{SkipReason, SkippedFile};
pub use pictures::read::{PictureOptions, Pictures, read_pictures};

#[cfg(feature = "data-sets")]
pub use {
    data_set::download::{DownloadError, MNIST_MIRRORS, MnistDownload},
    data_set::error::DataError,
    data_set::event::DataEvent,
    data_set::open::{DataSet, Origin, open},
    data_set::part::Part,
    data_set::request::{DataName, Orientation, Request},
    split::dirichlet::partition_dirichlet,
    split::dirichlet_alpha::{AlphaError, DirichletAlpha},
    split::error::SplitError,
    split::hold_out::hold_out,
    split::method::{SplitMethod, group_labels},
    split::partition::{Partition, label_counts, partition},
    split::share_range::ShareRange,
    synthetic::{SIDE as SYNTHETIC_SIDE, Subset, SyntheticSize, synthetic_digits},
};
