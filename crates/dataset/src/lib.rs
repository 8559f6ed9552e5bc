//! Image data sets: IDX files, verified download, synthetic digits, label-skewed splits.

mod canonical;
mod content;
mod error;
mod event;
mod fetch;
mod folder;
mod idx;
#[cfg(test)]
mod idx_writer;
mod images;
mod source;
mod synthetic;

pub use canonical::{CLASSES, Part};
pub use error::DataError;
pub use event::Event;
pub use fetch::{Fetch, FetchError, MIRRORS};
pub use folder::{Folder, Verify, load_folder};
pub use idx::{IdxError, ImageFile, LabelFile, read_images, read_labels};
pub use images::{LabelledImages, ShapeError};
pub use source::{DataName, DataSet, Origin, Request, open};
pub use synthetic::{Half, SIDE as SYNTHETIC_SIDE, SyntheticSize, synthetic_digits};
