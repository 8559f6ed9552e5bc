//! The IDX format of MNIST and similar data sets: a magic number, the dimensions, then the elements.
//!
//! Source: <http://yann.lecun.com/exdb/mnist/>, "The IDX file format". Numbers are big-endian. The third byte of the
//! magic number is the type of the elements, the fourth byte the number of dimensions.

use std::io::Read;
use std::path::Path;

use crate::arrays::array::{Array, ArrayContent, ArrayHeader, ImageArray, LabelArray};
use crate::arrays::elements::ElementType;
use crate::arrays::error::ArrayError;
use crate::file_content::{self, HashingReader};

/// Reads square grey images from a plain or gzip IDX file.
///
/// # Errors
/// If the file cannot be read or decompressed, or is not exactly an IDX file of square grey images whose pixels are
/// integers from 0 to 255.
pub fn read_images(path: &Path) -> Result<ImageArray, ArrayError> {
    images_from(path, open(path)?)
}

/// Reads labels from a plain or gzip IDX file. QMNIST has eight numbers for each image, of which the first is the label.
///
/// # Errors
/// If the file cannot be read or decompressed, or is not exactly an IDX file of labels that are integers from 0 to
/// 255.
pub fn read_labels(path: &Path) -> Result<LabelArray, ArrayError> {
    labels_from(path, open(path)?)
}

fn open(path: &Path) -> Result<Box<dyn Read>, ArrayError> {
    file_content::open(path).map_err(|source| ArrayError::Unreadable { file: path.into(), source })
}

/// Reads images as [`read_images`] does, from a reader of the decompressed content of `file`.
pub(crate) fn images_from(file: &Path, reader: impl Read) -> Result<ImageArray, ArrayError> {
    let (array, sha256) = read(file, reader, ArrayContent::Images)?;
    let (side, pixels) = array.into_images(file)?;
    Ok(ImageArray { side, pixels, sha256 })
}

fn labels_from(file: &Path, reader: impl Read) -> Result<LabelArray, ArrayError> {
    let (array, sha256) = read(file, reader, ArrayContent::Labels)?;
    Ok(LabelArray { labels: array.into_labels(file)?, sha256 })
}

/// Reads the array and the SHA-256 of an IDX file.
fn read(file: &Path, reader: impl Read, content: ArrayContent) -> Result<(Array, String), ArrayError> {
    let mut reader = HashingReader::new(reader);
    let header = read_header(file, &mut reader, content)?;
    let array = Array::read(file, header, &mut reader, content)?;
    Ok((array, reader.sha256()))
}

fn read_header(
    file: &Path,
    reader: &mut impl Read,
    content: ArrayContent,
) -> Result<ArrayHeader, ArrayError> {
    let (usual_rank, largest_rank) = match content {
        ArrayContent::Images => (3, 4),
        ArrayContent::Labels => (1, 2),
    };
    let magic = read_words(file, reader, 1)?;
    let needed = |rank: usize| 4 + 4 * rank;
    let Some(&found) = magic.words.first() else {
        return Err(ArrayError::ShortHeader {
            file: file.into(),
            found: magic.bytes,
            needed: needed(usual_rank),
        });
    };
    let wrong = || ArrayError::WrongMagic {
        file: file.into(),
        found,
        expected: 0x0800 + usual_rank as u32,
        what: content.word(),
    };
    // The magic number is checked first, so that a short file of another kind gets the error about its kind.
    let [0, 0, kind, rank] = found.to_be_bytes() else { return Err(wrong()) };
    let rank = usize::from(rank);
    if !(usual_rank..=largest_rank).contains(&rank) {
        return Err(wrong());
    }
    let kind = match kind {
        0x08 => ElementType::U8,
        0x09 => ElementType::I8,
        0x0b => ElementType::I16,
        0x0c => ElementType::I32,
        0x0d => ElementType::F32,
        0x0e => ElementType::F64,
        _ => return Err(ArrayError::ElementType { file: file.into(), found: format!("{kind:#04x}") }),
    };
    let dimensions = read_words(file, reader, rank)?;
    if dimensions.words.len() < rank {
        let found = 4 + dimensions.bytes;
        return Err(ArrayError::ShortHeader { file: file.into(), found, needed: needed(rank) });
    }
    Ok(ArrayHeader { kind, big_endian: true, shape: dimensions.words.into_iter().map(u64::from).collect() })
}

/// Big-endian numbers of four bytes, and the number of bytes that were read. A file that ends early has fewer bytes.
struct Words {
    words: Vec<u32>,
    bytes: usize,
}

fn read_words(file: &Path, reader: &mut impl Read, count: usize) -> Result<Words, ArrayError> {
    let mut bytes = Vec::with_capacity(4 * count);
    reader
        .take(4 * count as u64)
        .read_to_end(&mut bytes)
        .map_err(|source| ArrayError::Unreadable { file: file.into(), source })?;
    let words = bytes.as_chunks().0.iter().map(|&word| u32::from_be_bytes(word)).collect();
    Ok(Words { words, bytes: bytes.len() })
}

#[cfg(test)]
mod tests;
