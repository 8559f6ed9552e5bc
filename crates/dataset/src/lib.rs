//! Image data sets for encrypted inference, and how an ensemble's members share them.
//!
//! The story of a data set, from the request to the members' images:
//!
//! 1. A [`Request`] names a data set and says where it may come from. [`open`] turns it into a [`DataSet`]:
//!    from a folder or an `.npz` file, from a public mirror ([`MnistDownload`]), or, told by an [`DataEvent`] and marked
//!    in [`DataSet::origin`], from the built-in [`synthetic_digits`]. A folder that the user names is used
//!    or is an error; it is never passed over.
//! 2. A folder holds four IDX files ([`Part`]), plain or `.gz`, NumPy archives, or pictures in one folder for each
//!    class. All are read with distrust: MNIST's have to have their known SHA-256, those of other data sets are
//!    recorded, and known ones are recognised under any name. EMNIST's images are turned upright.
//! 3. Some training images may be set aside ([`hold_out`]), to choose by what no member has trained on.
//! 4. Labels are cut into [`group_labels`] by a [`SplitMethod`], and the training images shared out by a
//!    [`partition`], so that each member sees mostly its own group's labels. Or every member draws its own mix of
//!    labels ([`partition_dirichlet`]).
//!
//! Whatever is random follows from a seed.
//!
//! Apart from data sets, a user's own images, PNG, JPEG, BMP or IDX files or folders of them, become [`Pictures`] to
//! classify ([`read_pictures`]): without labels, with the name of where each came from, and of the one size
//! that a model takes. [`Inspection`] says which are unlike those that networks are trained on.
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

mod arrays;
mod data_set;
mod file_content;
mod inspection;
mod labelled_images;
mod pictures;
mod split;
mod synthetic;
#[cfg(test)]
mod test_files;

pub use arrays::array::{ImageArray, LabelArray};
pub use arrays::error::ArrayError;
pub use arrays::idx::{read_images, read_labels};
pub use data_set::download::{DownloadError, MNIST_MIRRORS, MnistDownload};
pub use data_set::error::DataError;
pub use data_set::event::DataEvent;
pub use data_set::open::{DataSet, Origin, open};
pub use data_set::part::Part;
pub use data_set::request::{DataName, Orientation, Request};
pub use inspection::{DuplicateCounts, FAINT_BRIGHTNESS, Inspection};
pub use labelled_images::{LabelledImages, ShapeError};
pub use pictures::error::{PictureError, PngError};
pub use pictures::folder::{SkipReason, SkippedFile};
pub use pictures::read::{PictureOptions, Pictures, read_pictures};
pub use split::dirichlet::partition_dirichlet;
pub use split::dirichlet_alpha::{AlphaError, DirichletAlpha};
pub use split::error::SplitError;
pub use split::hold_out::hold_out;
pub use split::method::{SplitMethod, group_labels};
pub use split::partition::{Partition, label_counts, partition};
pub use split::share_range::ShareRange;
pub use synthetic::{SIDE as SYNTHETIC_SIDE, Subset, SyntheticSize, synthetic_digits};
