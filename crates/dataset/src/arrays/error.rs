//! Errors of reading arrays of images and labels.

use std::io;
use std::path::PathBuf;

use crate::file_content::MAX_CONTENT_BYTES;

/// Error of reading images or labels from an IDX file or a NumPy array.
///
/// `file` is the path of the file, or `ARCHIVE::ARRAY` for an array in an `.npz` file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// The operating system or the decompression failed.
    #[error("{file} cannot be read, it may be missing or damaged: {source}", file = file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Cause of the failure.
        source: io::Error,
    },
    /// The file does not begin with the magic number of its kind.
    #[error(
        "{file} is not an IDX file of {what}: it begins with {found:#010x}, not with {expected:#010x}",
        file = file.display()
    )]
    WrongMagic {
        /// The file.
        file: PathBuf,
        /// First four bytes of the file.
        found: u32,
        /// First four bytes of a file of this kind.
        expected: u32,
        /// Expected content of the file: `images` or `labels`.
        what: &'static str,
    },
    /// The file ends within its header.
    #[error("{file} ends within its header: {found} bytes of {needed}", file = file.display())]
    ShortHeader {
        /// The file.
        file: PathBuf,
        /// Bytes in the file.
        found: usize,
        /// Bytes in a whole header.
        needed: usize,
    },
    /// The header of a NumPy array cannot be read.
    #[error("{file} is not an array that can be read: {reason}", file = file.display())]
    Header {
        /// The file.
        file: PathBuf,
        /// Cause of the failure.
        reason: String,
    },
    /// A dimension is zero.
    #[error("{file} is empty: its dimensions are {dimensions:?}, all must be at least 1", file = file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// Elements along each dimension, the number of images or labels first.
        dimensions: Vec<u64>,
    },
    /// The images are not square.
    #[error("{file} has images of {rows} x {columns} pixels, only square ones are allowed", file = file.display())]
    NotSquare {
        /// The file.
        file: PathBuf,
        /// Rows of an image.
        rows: u64,
        /// Columns of an image.
        columns: u64,
    },
    /// The images have several colours.
    #[error(
        "{file} has colour images (its dimensions are {dimensions:?}), only grey ones are read: convert them to \
         one value from 0 to 255 for each pixel, with the dimensions [images, rows, columns]",
        file = file.display()
    )]
    Colour {
        /// The file.
        file: PathBuf,
        /// Elements along each dimension.
        dimensions: Vec<u64>,
    },
    /// The array has neither the dimensions of images nor those of labels.
    #[error(
        "{file} has the dimensions {dimensions:?}, but {what} have {allowed}",
        file = file.display()
    )]
    Dimensions {
        /// The file.
        file: PathBuf,
        /// Elements along each dimension.
        dimensions: Vec<u64>,
        /// Expected content of the array: `images` or `labels`.
        what: &'static str,
        /// Dimensions that are read.
        allowed: &'static str,
    },
    /// There are several labels for each image.
    #[error(
        "{file} has {columns} numbers for each image, but one label is read; if they are one-hot, save \
         `labels.argmax(axis=1)`; several labels for one image are not supported",
        file = file.display()
    )]
    SeveralLabels {
        /// The file.
        file: PathBuf,
        /// Numbers for each image.
        columns: u64,
    },
    /// The header announces more elements than are accepted.
    #[error(
        "{file} claims the dimensions {dimensions:?}, but at most {MAX_CONTENT_BYTES} elements in all are allowed",
        file = file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Elements along each dimension, the number of images or labels first.
        dimensions: Vec<u64>,
    },
    /// The file ends too early.
    #[error(
        "{file} is cut off: it has {found} bytes after the header, but the header announces {expected}",
        file = file.display()
    )]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Bytes after the header.
        found: u64,
        /// Bytes that the header announces.
        expected: u64,
    },
    /// The file has more bytes than the header announces.
    #[error(
        "{file} has more than the {expected} bytes after the header that its header announces",
        file = file.display()
    )]
    TrailingBytes {
        /// The file.
        file: PathBuf,
        /// Bytes that the header announces.
        expected: u64,
    },
    /// The elements are of a type that is not read.
    #[error(
        "{file} has elements of the type {found}; integers of 1 to 8 bytes and floats of 4 or 8 bytes are read, \
         and each must be an integer from 0 to 255",
        file = file.display()
    )]
    ElementType {
        /// The file.
        file: PathBuf,
        /// Type of the elements in the notation of the file's format.
        found: String,
    },
    /// A pixel is not an integer from 0 to 255.
    #[error(
        "{file} has the value {value} at position {position}, but pixels are integers from 0 (background) to 255 \
         (ink); {advice}",
        file = file.display(),
        advice = pixel_advice(*value)
    )]
    Pixel {
        /// The file.
        file: PathBuf,
        /// Index of the value among all pixels, from 0.
        position: u64,
        /// Value of the pixel.
        value: f64,
    },
    /// All pixels are floats from 0 to 1.
    #[error(
        "{file} has floats from 0 to 1, but pixels are integers from 0 (background) to 255 (ink); {advice}",
        file = file.display(),
        advice = pixel_advice(1.0)
    )]
    ScaledPixels {
        /// The file.
        file: PathBuf,
    },
    /// A label is not an integer from 0 to 255.
    #[error(
        "{file} has the label {value} at position {position}, but only integers from 0 to 255 are allowed",
        file = file.display()
    )]
    Label {
        /// The file.
        file: PathBuf,
        /// Index of the label, from 0.
        position: u64,
        /// Value of the label.
        value: f64,
    },
}

/// Returns advice on converting pixels of another range to integers, as part of an error message.
fn pixel_advice(value: f64) -> &'static str {
    if (0.0..=1.0).contains(&value) {
        "if they go from 0 to 1, save `(255 * images).round().astype(\"uint8\")`"
    } else {
        "undo the normalisation and save the images as `uint8`"
    }
}
