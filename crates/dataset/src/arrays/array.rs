//! Arrays of bytes, and their conversion to images and labels.

use std::io::Read;
use std::path::Path;

use crate::arrays::elements::{ElementType, ElementsError, read_bytes};
use crate::arrays::error::ArrayError;
use crate::file_content::MAX_CONTENT_BYTES;

/// Dimensions of images, as part of an error message.
const IMAGE_DIMENSIONS: &str = "[images, rows, columns]";

/// Numbers for each image in the label files of QMNIST. The first is the class, the others describe the origin of the
/// digit.
const QMNIST_COLUMNS: u64 = 8;

/// Square grey images of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageArray {
    /// Pixels on a side.
    pub side: usize,
    /// Pixels of all images, row by row, image after image. There is at least one image.
    pub pixels: Vec<u8>,
    /// SHA-256 in hexadecimal. For an IDX file, of its decompressed bytes; for any other array, of the IDX file of bytes
    /// that would hold the same images.
    pub sha256: String,
}

/// Labels of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelArray {
    /// Labels, one for each image. There is at least one.
    pub labels: Vec<u8>,
    /// SHA-256 in hexadecimal, as in [`ImageArray`].
    pub sha256: String,
}

/// Content that a caller expects in an array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ArrayContent {
    Images,
    Labels,
}

impl ArrayContent {
    /// Name of the content in error messages.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Labels => "labels",
        }
    }
}

/// Type and sizes from the header of an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ArrayHeader {
    pub(crate) kind: ElementType,
    pub(crate) big_endian: bool,
    /// Number of elements along each dimension, the outermost first.
    pub(crate) shape: Vec<u64>,
}

impl ArrayHeader {
    /// Returns whether an array with this header holds the labels of QMNIST.
    fn is_qmnist_labels(&self) -> bool {
        self.kind == ElementType::I32 && matches!(self.shape[..], [_, QMNIST_COLUMNS])
    }
}

/// An array whose elements are bytes.
#[derive(Debug)]
pub(crate) struct Array {
    shape: Vec<u64>,
    values: Vec<u8>,
    is_float: bool,
}

impl Array {
    /// Reads the elements that `header` announces, to the end of `reader`. Memory grows with the elements that are there,
    /// not with the announced number.
    pub(crate) fn read(
        file: &Path,
        header: ArrayHeader,
        reader: impl Read,
        content: ArrayContent,
    ) -> Result<Self, ArrayError> {
        let step =
            if content == ArrayContent::Labels && header.is_qmnist_labels() { QMNIST_COLUMNS } else { 1 };
        let ArrayHeader { kind, big_endian, mut shape } = header;
        if shape.contains(&0) {
            return Err(ArrayError::Empty { file: file.into(), dimensions: shape });
        }
        let count = shape
            .iter()
            .try_fold(1_u64, |product, &size| product.checked_mul(size))
            .filter(|&product| product <= MAX_CONTENT_BYTES);
        let Some(count) = count else {
            return Err(ArrayError::TooLarge { file: file.into(), dimensions: shape });
        };
        let expected = count * kind.size() as u64;
        let values = read_bytes(reader, kind, big_endian, count, step).map_err(|error| match error {
            ElementsError::Unreadable(source) => ArrayError::Unreadable { file: file.into(), source },
            ElementsError::Truncated(found) => ArrayError::Truncated { file: file.into(), found, expected },
            ElementsError::TrailingBytes => ArrayError::TrailingBytes { file: file.into(), expected },
            ElementsError::NotAByte { position, value } => match content {
                ArrayContent::Images => ArrayError::Pixel { file: file.into(), position, value },
                ArrayContent::Labels => ArrayError::Label { file: file.into(), position, value },
            },
        })?;
        if step > 1 {
            shape.truncate(1);
        }
        Ok(Self { shape, values, is_float: kind.is_float() })
    }

    /// Reorders the elements of a column-major array to row-major order, in which the last index varies fastest.
    #[cfg(feature = "data-sets")]
    pub(crate) fn into_row_major(self) -> Self {
        let Self { shape, values, is_float } = self;
        let mut strides = Vec::with_capacity(shape.len());
        let mut stride = 1;
        for &size in &shape {
            strides.push(stride);
            stride *= size as usize;
        }
        let mut turned = Vec::with_capacity(values.len());
        let mut index = vec![0_u64; shape.len()];
        let mut at = 0;
        for _ in 0..values.len() {
            // `at` is the sum of `index` times `strides`, which is below the product of `shape`.
            turned.push(values.get(at).copied().unwrap_or_default());
            for ((position, &size), &stride) in index.iter_mut().zip(&shape).zip(&strides).rev() {
                *position += 1;
                at += stride;
                if *position < size {
                    break;
                }
                at -= stride * size as usize;
                *position = 0;
            }
        }
        Self { shape, values: turned, is_float }
    }

    /// Returns the side and the pixels of square grey images.
    ///
    /// The dimensions must be `[images, rows, columns]`, with or without one more dimension of 1 for the colour before or
    /// after rows and columns, or `[images, pixels]`.
    ///
    /// # Errors
    /// If the array holds no square grey images, or all elements are floats from 0 to 1.
    pub(crate) fn into_images(self, file: &Path) -> Result<(usize, Vec<u8>), ArrayError> {
        let (rows, columns) = match self.shape[..] {
            [_, rows, columns] | [_, rows, columns, 1] | [_, 1, rows, columns] => (rows, columns),
            [_, _, _, 2..=4] | [_, 2..=4, _, _] => {
                return Err(ArrayError::Colour { file: file.into(), dimensions: self.shape });
            }
            [_, pixels] if pixels.isqrt().pow(2) == pixels => (pixels.isqrt(), pixels.isqrt()),
            _ => {
                return Err(ArrayError::Dimensions {
                    file: file.into(),
                    dimensions: self.shape,
                    what: ArrayContent::Images.word(),
                    allowed: IMAGE_DIMENSIONS,
                });
            }
        };
        if rows != columns {
            return Err(ArrayError::NotSquare { file: file.into(), rows, columns });
        }
        if self.is_float && self.values.iter().all(|&value| value <= 1) {
            return Err(ArrayError::ScaledPixels { file: file.into() });
        }
        Ok((rows as usize, self.values))
    }

    /// Returns the labels. The dimensions must be `[images]` or `[images, 1]`.
    ///
    /// # Errors
    /// If the array has other dimensions.
    pub(crate) fn into_labels(self, file: &Path) -> Result<Vec<u8>, ArrayError> {
        match self.shape[..] {
            [_] | [_, 1] => Ok(self.values),
            [_, columns] => Err(ArrayError::SeveralLabels { file: file.into(), columns }),
            _ => Err(ArrayError::Dimensions {
                file: file.into(),
                dimensions: self.shape,
                what: ArrayContent::Labels.word(),
                allowed: "[images]",
            }),
        }
    }
}

/// Computes the SHA-256 of the IDX file with these dimensions and bytes.
#[cfg(feature = "data-sets")]
pub(crate) fn idx_sha256(shape: &[usize], elements: &[u8]) -> String {
    let mut header = vec![0, 0, 8, shape.len() as u8];
    shape.iter().for_each(|&size| header.extend((size as u32).to_be_bytes()));
    crate::file_content::sha256([header.as_slice(), elements])
}
