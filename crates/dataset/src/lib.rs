//! Image data sets: IDX files, verified download, synthetic digits, label-skewed splits.

mod images;

pub use images::{LabelledImages, ShapeError};
