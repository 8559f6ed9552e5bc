//! What one file holds, judged by its first bytes.

use std::io::{self, Read};
use std::path::Path;

use super::error::PictureError;
use super::{PictureForm, png_file};
use crate::content::{self, MOST_CONTENT};
use crate::idx;

/// How an IDX file of bytes in three dimensions begins.
const IDX_IMAGES: [u8; 4] = [0, 0, 8, 3];

/// How an IDX file of bytes in one dimension begins.
const IDX_LABELS: [u8; 4] = [0, 0, 8, 1];

/// Bytes looked at to tell what a file is and how large its images are: a PNG file's width and height end
/// at byte 24, an IDX file's at byte 16.
const HEAD: usize = 24;

/// Bytes shown of a file that is of no known kind: the length of PNG's signature.
const SHOWN: usize = 8;

/// What a file holds.
#[derive(Debug)]
pub(super) enum Found {
    /// Images of the size asked for.
    Images(Images),
    /// Labels: sound or not, they are not looked at.
    Labels,
    /// Something else.
    Other {
        /// Its first bytes, 8 at most.
        first: Vec<u8>,
    },
}

/// The images of a file, with all pixels row by row.
#[derive(Debug)]
pub(super) enum Images {
    /// The one image of a PNG file.
    One(Vec<u8>),
    /// The images of an IDX file, at least one.
    Many(Vec<u8>),
}

/// Reads images of that form from `file`, if it holds images.
pub(super) fn read(file: &Path, form: PictureForm) -> Result<Found, PictureError> {
    let reader = content::open(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PictureError::Missing { path: file.into() },
        _ => PictureError::Unreadable { path: file.into(), source },
    })?;
    read_from(file, reader, form)
}

/// As [`read`], of a file that is open (once only, so that a pipe will do).
fn read_from(file: &Path, mut reader: impl Read, form: PictureForm) -> Result<Found, PictureError> {
    let side = form.side;
    let unreadable = |source| PictureError::Unreadable { path: file.into(), source };
    let mut head = Vec::with_capacity(HEAD);
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;

    // Of both kinds, the size is checked before more is read than the header. A header that ends early has
    // no size, and the file's own reader complains.
    if head.starts_with(&png_file::SIGNATURE) {
        check_size(file, png_file::size(&head), side)?;
        let most = png_file::most_bytes(side);
        let mut bytes = head;
        reader.take(most).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > most {
            return Err(PictureError::LargePng { file: file.into(), side, most });
        }
        let pixels = png_file::decode_grey(&bytes, form.paper())
            .map_err(|source| PictureError::DamagedPng { file: file.into(), source })?;
        Ok(Found::Images(Images::One(pixels)))
    } else if head.starts_with(&IDX_IMAGES) {
        check_size(file, idx_size(&head), side)?;
        let images = idx::images_from(file, head.as_slice().chain(reader))?;
        Ok(Found::Images(Images::Many(images.pixels)))
    } else if head.starts_with(&IDX_LABELS) {
        Ok(Found::Labels)
    } else {
        head.truncate(SHOWN);
        Ok(Found::Other { first: head })
    }
}

/// Width and height of the images of an IDX file that begins with `head`: its third and second dimension.
fn idx_size(head: &[u8]) -> Option<(u32, u32)> {
    Some((be_u32(head, 12)?, be_u32(head, 8)?))
}

/// The big-endian number at byte `at`.
pub(super) fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&word| u32::from_be_bytes(word))
}

fn check_size(file: &Path, found: Option<(u32, u32)>, side: usize) -> Result<(), PictureError> {
    match found {
        Some((width, height)) if (width as usize, height as usize) != (side, side) => {
            Err(PictureError::WrongSize { file: file.into(), width, height, side })
        }
        // Without this, a model of absurd size would let a file have an absurd size as well.
        _ if (side as u64).saturating_mul(side as u64) > MOST_CONTENT => {
            Err(PictureError::TooManyPixels { file: file.into(), most: MOST_CONTENT })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
