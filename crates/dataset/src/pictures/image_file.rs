//! What one file holds, judged by its first bytes.

use std::io::{self, Read};
use std::path::Path;

use crate::arrays::idx;
use crate::file_content::{self, MAX_CONTENT_BYTES, be_u32};
use crate::pictures::error::PictureError;
use crate::pictures::grey::Grey;
use crate::pictures::jpeg_bmp_file::{self, Format, Refused};
use crate::pictures::png_file;

/// What images have to be, and how they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageRequirements {
    /// Pixels on a side; `None` for any square.
    pub(crate) side: Option<usize>,
    /// The grey of what is transparent.
    pub(crate) background: u8,
}

/// Pixels on a side of the largest square that is read where any is.
const MAX_SIDE: u32 = 4096;

impl ImageRequirements {
    fn accepts(self, width: u32, height: u32) -> bool {
        match self.side {
            Some(side) => (width as usize, height as usize) == (side, side),
            None => width == height && (1..=MAX_SIDE).contains(&width),
        }
    }

    /// The largest file of one image, in bytes: see [`max_file_bytes`].
    fn max_file_bytes(self) -> u64 {
        max_file_bytes(self.side.unwrap_or(MAX_SIDE as usize))
    }

    /// That an image has another size.
    fn wrong_size(self, file: &Path, width: u32, height: u32) -> PictureError {
        let file = file.into();
        match self.side {
            Some(side) => PictureError::WrongSize { file, width, height, side },
            None => PictureError::NotSquare { file, width, height, most: MAX_SIDE },
        }
    }
}

/// The largest file accepted of one image of `side` x `side` pixels, in bytes: twice what the pixels take in the
/// largest format, 8 bytes each, and 1 MiB for all else (texts, colour profiles). It bounds the memory, and the time
/// too, since deflate expands at most 1032 times.
pub(super) fn max_file_bytes(side: usize) -> u64 {
    (side as u64).saturating_mul(side as u64).saturating_mul(2 * 8).saturating_add(1 << 20)
}

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
pub(crate) enum FileContent {
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
pub(crate) enum Images {
    /// The one image of a picture's file.
    One(Grey),
    /// The images of an IDX file, at least one.
    Many(Vec<u8>),
}

/// Reads images from `file`, if it holds images.
pub(crate) fn read(file: &Path, required: ImageRequirements) -> Result<FileContent, PictureError> {
    let reader = file_content::open(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PictureError::Missing { path: file.into() },
        _ => PictureError::Unreadable { path: file.into(), source },
    })?;
    read_from(file, reader, required)
}

/// As [`read`], of a file that is open (once only, so that a pipe will do).
fn read_from(
    file: &Path,
    mut reader: impl Read,
    required: ImageRequirements,
) -> Result<FileContent, PictureError> {
    let unreadable = |source| PictureError::Unreadable { path: file.into(), source };
    let mut head = Vec::with_capacity(HEAD);
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;

    // Of all kinds, the size is checked before memory is taken for pixels. A header that ends early has no size, and
    // the file's own reader complains.
    if head.starts_with(&png_file::SIGNATURE) {
        check_size(file, png_file::size(&head), required)?;
        let bytes = read_whole(file, head, reader, "PNG", required)?;
        let grey = png_file::decode_grey(&bytes, required.background)
            .map_err(|source| PictureError::DamagedPng { file: file.into(), source })?;
        Ok(FileContent::Images(Images::One(grey)))
    } else if let Some(format) = Format::of(&head) {
        check_size(file, None, required)?;
        let bytes = read_whole(file, head, reader, format.name(), required)?;
        let accepts = |width, height| required.accepts(width, height);
        match jpeg_bmp_file::decode_grey(&bytes, format, accepts, required.background) {
            Ok(grey) => Ok(FileContent::Images(Images::One(grey))),
            Err(Refused::Size { width, height }) => Err(required.wrong_size(file, width, height)),
            Err(Refused::Damaged(source)) => {
                Err(PictureError::Damaged { file: file.into(), format: format.name(), source })
            }
            Err(Refused::CutOff) => Err(PictureError::CutOff { file: file.into(), format: format.name() }),
        }
    } else if head.starts_with(&IDX_IMAGES) {
        check_size(file, idx_size(&head), required)?;
        let images = idx::images_from(file, head.as_slice().chain(reader))?;
        Ok(FileContent::Images(Images::Many(images.pixels)))
    } else if head.starts_with(&IDX_LABELS) {
        Ok(FileContent::Labels)
    } else {
        head.truncate(SHOWN);
        Ok(FileContent::Other { first: head })
    }
}

/// All bytes of a picture's file, of which `head` is read already.
fn read_whole(
    file: &Path,
    head: Vec<u8>,
    rest: impl Read,
    format: &'static str,
    required: ImageRequirements,
) -> Result<Vec<u8>, PictureError> {
    let most = required.max_file_bytes();
    let mut bytes = head;
    rest.take(most)
        .read_to_end(&mut bytes)
        .map_err(|source| PictureError::Unreadable { path: file.into(), source })?;
    if bytes.len() as u64 > most {
        let side = required.side.unwrap_or(MAX_SIDE as usize);
        return Err(PictureError::LargeFile { file: file.into(), format, side, most });
    }
    Ok(bytes)
}

/// Width and height of the images of an IDX file that begins with `head`: its third and second dimension.
fn idx_size(head: &[u8]) -> Option<(u32, u32)> {
    Some((be_u32(head, 12)?, be_u32(head, 8)?))
}

fn check_size(
    file: &Path,
    found: Option<(u32, u32)>,
    required: ImageRequirements,
) -> Result<(), PictureError> {
    match found {
        Some((width, height)) if !required.accepts(width, height) => {
            Err(required.wrong_size(file, width, height))
        }
        // Without this, a model of absurd size would let a file have an absurd size as well.
        _ if required
            .side
            .is_some_and(|side| (side as u64).saturating_mul(side as u64) > MAX_CONTENT_BYTES) =>
        {
            Err(PictureError::TooManyPixels { file: file.into(), most: MAX_CONTENT_BYTES })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
