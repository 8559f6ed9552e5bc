//! Image data sets for encrypted inference, and how an ensemble's members share them.
//!
//! The story of a data set, from the request to the members' images:
//!
//! 1. A [`Request`] names a data set and says where it may come from. [`open`] turns it into a [`DataSet`]:
//!    from a folder or an `.npz` file, from a public mirror ([`Fetch`]), or, told by an [`Event`] and marked
//!    in [`DataSet::origin`], from the built-in [`synthetic_digits`]. A folder that the user names is used
//!    or is an error; it is never passed over.
//! 2. A folder holds four IDX files ([`Part`]), plain or `.gz`, NumPy archives, or pictures in one folder for each
//!    class. All are read with distrust: MNIST's have to have their known SHA-256, those of other data sets are
//!    recorded, and known ones are recognised under any name. EMNIST's images are turned upright.
//! 3. Some training images may be set aside ([`hold_out`]), to choose by what no member has trained on.
//! 4. Labels are cut into [`groups`] by a [`SplitMethod`], and the training images shared out by a
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
//! use sottovoce_dataset::{groups, label_counts, open, partition};
//!
//! let synthetic = SyntheticSize { train: 500, test: 100, seed: 1 };
//! let data = open(&Request { synthetic, ..Request::new(DataName::Synthetic) }, &mut |_| {})?;
//! assert!(data.is_synthetic());
//!
//! let groups = groups(&SplitMethod::Likewise, 3, data.classes, 1)?;
//! assert_eq!(groups[0], [0, 6, 8]);
//! let split = partition(data.train.labels(), &groups, ShareRange::new(0.9, 0.95)?, 1)?;
//! let counts = label_counts(&split.indices, data.train.labels(), data.classes);
//! assert!(counts[0][6] > counts[1][6] + counts[2][6]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod array;
mod array_error;
mod canonical;
mod content;
mod elements;
mod error;
mod event;
mod fetch;
mod idx;
#[cfg(test)]
mod idx_writer;
mod images;
mod inspection;
mod known;
mod layout;
mod npy;
mod npz;
mod picture_folders;
mod pictures;
mod source;
mod split;
mod stored;
mod synthetic;

pub use array::{ImageFile, LabelFile};
pub use array_error::ArrayError;
pub use canonical::Part;
pub use error::DataError;
pub use event::Event;
pub use fetch::{Fetch, FetchError, MIRRORS};
pub use idx::{read_images, read_labels};
pub use images::{LabelledImages, ShapeError};
pub use inspection::{FAINT, Inspection, Repetitions};
pub use pictures::{
    PassedOver, PassedOverReason, PictureError, PictureForm, Pictures, PngError, read_pictures,
};
pub use source::{DataName, DataSet, Orientation, Origin, Request, open};
pub use split::{
    GREATEST_ALPHA, LEAST_ALPHA, Partition, ShareRange, SplitError, SplitMethod, groups, hold_out,
    label_counts, partition, partition_dirichlet,
};
pub use synthetic::{Half, SIDE as SYNTHETIC_SIDE, SyntheticSize, synthetic_digits};
