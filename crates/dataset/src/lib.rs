//! Image data sets: IDX files, verified download, synthetic digits, label-skewed splits.

mod images;
mod synthetic;

pub use images::{LabelledImages, ShapeError};
pub use synthetic::{Half, SyntheticSize, synthetic_digits};
