//! Reads one file of images. Its first bytes tell its kind.

use std::io::{self, Read};
use std::path::Path;

use crate::arrays::idx;
use crate::file_content::{self, MAX_CONTENT_BYTES, be_u32};
use crate::pictures::error::PictureError;
use crate::pictures::grey::Grey;
use crate::pictures::jpeg_bmp_file::{self, Format, Refused};
use crate::pictures::png_file;

/// Size and background of the images to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ImageRequirements {
    /// Pixels on a side; `None` accepts any square.
    pub(crate) side: Option<usize>,
    /// Grey with which transparent pixels are blended.
    pub(crate) background: u8,
}

/// Pixels on a side of the largest square that is accepted if `side` is `None`.
const MAX_SIDE: u32 = 4096;

impl ImageRequirements {
    fn accepts(self, width: u32, height: u32) -> bool {
        match self.side {
            Some(side) => (width as usize, height as usize) == (side, side),
            None => width == height && (1..=MAX_SIDE).contains(&width),
        }
    }

    /// Largest accepted file of one image in bytes: see [`max_file_bytes`].
    fn max_file_bytes(self) -> u64 {
        max_file_bytes(self.side.unwrap_or(MAX_SIDE as usize))
    }

    /// Error of an image with another size.
    fn wrong_size(self, file: &Path, width: u32, height: u32) -> PictureError {
        let file = file.into();
        match self.side {
            Some(side) => PictureError::WrongSize { file, width, height, side },
            None => PictureError::NotSquare { file, width, height, max_side: MAX_SIDE },
        }
    }
}

/// Largest accepted file of one image of `side` x `side` pixels, in bytes: twice the size of the pixels in the largest
/// format, 8 bytes each, and 1 MiB for texts and colour profiles. It bounds memory, and also time, because deflate expands
/// at most 1032 times.
pub(super) fn max_file_bytes(side: usize) -> u64 {
    (side as u64).saturating_mul(side as u64).saturating_mul(2 * 8).saturating_add(1 << 20)
}

/// First bytes of an IDX file of bytes in three dimensions.
const IDX_IMAGES: [u8; 4] = [0, 0, 8, 3];

/// First bytes of an IDX file of bytes in one dimension.
const IDX_LABELS: [u8; 4] = [0, 0, 8, 1];

/// Number of first bytes that tell the kind of a file and the size of its images. The width and height of a PNG file end
/// at byte 24, those of an IDX file at byte 16.
const HEAD: usize = 24;

/// Number of first bytes of an unknown file that an error shows: the length of the signature of PNG.
const SHOWN: usize = 8;

/// Content of a file.
#[derive(Debug)]
pub(crate) enum FileContent {
    /// Images of the required size.
    Images(Images),
    /// Labels, which are not read.
    Labels,
    /// Content of an unknown kind.
    Other {
        /// First 8 bytes or fewer.
        first: Vec<u8>,
    },
}

/// Images of a file. Pixels are stored row by row.
#[derive(Debug)]
pub(crate) enum Images {
    /// The image of a PNG, JPEG or BMP file.
    One(Grey),
    /// Pixels of the images of an IDX file, image after image. There is at least one image.
    Many(Vec<u8>),
}

/// Reads the images of `file`, if it holds images.
pub(crate) fn read(file: &Path, required: ImageRequirements) -> Result<FileContent, PictureError> {
    let reader = file_content::open(file).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => PictureError::Missing { path: file.into() },
        _ => PictureError::Unreadable { path: file.into(), source },
    })?;
    read_from(file, reader, required)
}

/// Reads images as [`read`] does, from a reader of the decompressed content. The content is read once, so a pipe works too.
fn read_from(
    file: &Path,
    mut reader: impl Read,
    required: ImageRequirements,
) -> Result<FileContent, PictureError> {
    let unreadable = |source| PictureError::Unreadable { path: file.into(), source };
    let mut head = Vec::with_capacity(HEAD);
    reader.by_ref().take(HEAD as u64).read_to_end(&mut head).map_err(unreadable)?;

    // The size is checked before memory is allocated for pixels. If the header ends early there is no size, and the
    // reader of the format returns an error.
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

/// Reads all bytes of a PNG, JPEG or BMP file. `head` holds the bytes that are read already.
fn read_whole(
    file: &Path,
    head: Vec<u8>,
    rest: impl Read,
    format: &'static str,
    required: ImageRequirements,
) -> Result<Vec<u8>, PictureError> {
    let max_bytes = required.max_file_bytes();
    let mut bytes = head;
    rest.take(max_bytes)
        .read_to_end(&mut bytes)
        .map_err(|source| PictureError::Unreadable { path: file.into(), source })?;
    if bytes.len() as u64 > max_bytes {
        let side = required.side.unwrap_or(MAX_SIDE as usize);
        return Err(PictureError::LargeFile { file: file.into(), format, side, max_bytes });
    }
    Ok(bytes)
}

/// Reads width and height of the images of an IDX file, its third and second dimension. `head` holds its first bytes.
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
        // A model with absurdly large images must not allow absurdly large files.
        _ if required
            .side
            .is_some_and(|side| (side as u64).saturating_mul(side as u64) > MAX_CONTENT_BYTES) =>
        {
            Err(PictureError::TooManyPixels { file: file.into(), max_pixels: MAX_CONTENT_BYTES })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
