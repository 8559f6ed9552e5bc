//! The IDX format of MNIST and its kin: a magic number, the dimensions, then one byte an element.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format". Only what these data sets use is
//! read: unsigned bytes (type 0x08) in three dimensions (square images) or one (labels).

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::content::{self, MOST_CONTENT};

/// The images of one IDX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    /// Pixels on a side.
    pub side: usize,
    /// All pixels, row by row and image after image: a whole number of images, at least one.
    pub pixels: Vec<u8>,
    /// SHA-256 of the decompressed file, in hexadecimal.
    pub sha256: String,
}

/// The labels of one IDX file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelFile {
    /// One label for each image, at least one.
    pub labels: Vec<u8>,
    /// SHA-256 of the decompressed file, in hexadecimal.
    pub sha256: String,
}

/// Reads square images from an IDX file, plain or gzip.
///
/// # Errors
/// If the file cannot be read or decompressed, or is not exactly an IDX file of square images.
pub fn read_images(path: &Path) -> Result<ImageFile, IdxError> {
    images_from(path, open(path)?)
}

/// Reads labels below `classes` from an IDX file, plain or gzip.
///
/// # Errors
/// If the file cannot be read or decompressed, is not exactly an IDX file of labels, or holds a label of
/// `classes` or more.
pub fn read_labels(path: &Path, classes: usize) -> Result<LabelFile, IdxError> {
    labels_from(path, open(path)?, classes)
}

fn open(path: &Path) -> Result<Box<dyn Read>, IdxError> {
    content::open(path).map_err(|source| IdxError::Unreadable { file: path.into(), source })
}

/// As [`read_images`], from a reader of the decompressed content of `file`.
pub(crate) fn images_from(file: &Path, reader: impl Read) -> Result<ImageFile, IdxError> {
    let ([_, rows, columns], pixels, sha256) = read(file, reader, "images")?;
    if rows != columns {
        return Err(IdxError::NotSquare { file: file.into(), rows, columns });
    }
    Ok(ImageFile { side: rows as usize, pixels, sha256 })
}

fn labels_from(file: &Path, reader: impl Read, classes: usize) -> Result<LabelFile, IdxError> {
    let ([_], labels, sha256) = read(file, reader, "labels")?;
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(at) => {
            Err(IdxError::LabelOutOfRange { file: file.into(), position: at, label: labels[at], classes })
        }
        None => Ok(LabelFile { labels, sha256 }),
    }
}

/// Dimensions, elements and checksum of an IDX file of bytes with `RANK` dimensions.
fn read<const RANK: usize>(
    file: &Path,
    mut reader: impl Read,
    what: &'static str,
) -> Result<([u32; RANK], Vec<u8>, String), IdxError> {
    let unreadable = |source| IdxError::Unreadable { file: file.into(), source };
    let needed = 4 + 4 * RANK;
    let mut header = Vec::with_capacity(needed);
    reader.by_ref().take(needed as u64).read_to_end(&mut header).map_err(unreadable)?;

    // The magic number comes first, so that a file of another kind is called that, however short.
    let words: Vec<u32> = header
        .chunks_exact(4)
        .map(|word| word.iter().fold(0, |value, &byte| (value << 8) | u32::from(byte)))
        .collect();
    let magic = 0x0800 + RANK as u32;
    if let Some(&found) = words.first()
        && found != magic
    {
        return Err(IdxError::WrongMagic { file: file.into(), found, expected: magic, what });
    }
    let Some(dimensions) = words.get(1..).and_then(|rest| <[u32; RANK]>::try_from(rest).ok()) else {
        return Err(IdxError::ShortHeader { file: file.into(), found: header.len(), needed });
    };
    if dimensions.contains(&0) {
        return Err(IdxError::Empty { file: file.into(), dimensions: dimensions.to_vec() });
    }
    let expected = dimensions
        .iter()
        .try_fold(1_u64, |product, &d| product.checked_mul(d.into()))
        .filter(|&product| product <= MOST_CONTENT)
        .ok_or_else(|| IdxError::TooLarge { file: file.into(), dimensions: dimensions.to_vec() })?;

    // The vector grows with what is really there, not with what the header promises. One byte more than
    // promised is asked for, to see trailing ones, and to reach gzip's own checksum at the end.
    let mut elements = Vec::new();
    reader.take(expected + 1).read_to_end(&mut elements).map_err(unreadable)?;
    let found = elements.len() as u64;
    if found < expected {
        return Err(IdxError::Truncated { file: file.into(), found, expected });
    }
    if found > expected {
        return Err(IdxError::TrailingBytes { file: file.into(), expected });
    }
    let sha256 = content::sha256([header.as_slice(), elements.as_slice()]);
    Ok((dimensions, elements, sha256))
}

/// Why a file is not the IDX file it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxError {
    /// The operating system or the decompression failed.
    #[error("{file} cannot be read, it may be missing or damaged: {source}", file = file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What failed.
        source: io::Error,
    },
    /// The first four bytes are not those of this kind of file.
    #[error(
        "{file} is not an IDX file of {what}: it begins with {found:#010x}, not with {expected:#010x}",
        file = file.display()
    )]
    WrongMagic {
        /// The file.
        file: PathBuf,
        /// Its first four bytes.
        found: u32,
        /// What they have to be.
        expected: u32,
        /// What the file should hold: `images` or `labels`.
        what: &'static str,
    },
    /// The file ends before its header does.
    #[error("{file} ends within its header: {found} bytes of {needed}", file = file.display())]
    ShortHeader {
        /// The file.
        file: PathBuf,
        /// Bytes there are.
        found: usize,
        /// Bytes a header has.
        needed: usize,
    },
    /// A dimension is zero.
    #[error("{file} is empty: its dimensions are {dimensions:?}, all must be at least 1", file = file.display())]
    Empty {
        /// The file.
        file: PathBuf,
        /// Elements in each dimension, the number of images or labels first.
        dimensions: Vec<u32>,
    },
    /// The images are not square.
    #[error("{file} has images of {rows} x {columns} pixels, only square ones are allowed", file = file.display())]
    NotSquare {
        /// The file.
        file: PathBuf,
        /// Rows of an image.
        rows: u32,
        /// Columns of an image.
        columns: u32,
    },
    /// The header promises more than any data set of this kind has.
    #[error(
        "{file} claims the dimensions {dimensions:?}, at most {MOST_CONTENT} bytes in all are allowed",
        file = file.display()
    )]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// Elements in each dimension, the number of images or labels first.
        dimensions: Vec<u32>,
    },
    /// The file ends too early.
    #[error("{file} is cut off: {found} bytes after the header, which promises {expected}", file = file.display())]
    Truncated {
        /// The file.
        file: PathBuf,
        /// Bytes behind the header.
        found: u64,
        /// Bytes that the header promises.
        expected: u64,
    },
    /// The file goes on where it should end.
    #[error("{file} has more than the {expected} bytes after the header that it promises", file = file.display())]
    TrailingBytes {
        /// The file.
        file: PathBuf,
        /// Bytes that the header promises.
        expected: u64,
    },
    /// A label names no class.
    #[error(
        "{file} has label {label} at position {position}, only labels below {classes} are allowed",
        file = file.display()
    )]
    LabelOutOfRange {
        /// The file.
        file: PathBuf,
        /// Index of the label, from 0.
        position: usize,
        /// The label.
        label: u8,
        /// How many classes there are.
        classes: usize,
    },
}

#[cfg(test)]
#[path = "idx_tests.rs"]
mod tests;
