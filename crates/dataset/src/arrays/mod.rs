//! Arrays of numbers in files, as images and as labels: IDX and NumPy's `.npy`.

pub(crate) mod array;
pub(crate) mod elements;
pub(crate) mod error;
pub(crate) mod idx;
#[cfg(feature = "data-sets")]
pub(crate) mod npy;
pub(crate) mod npy_header;
