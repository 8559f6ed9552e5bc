//! Decodes JPEG and BMP files to grey pixels.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, ImageDecoder, ImageError, Limits};

use crate::pictures::grey::{Grey, Samples, to_grey};

/// First bytes of every JPEG file.
pub(super) const JPEG_SIGNATURE: [u8; 3] = [0xff, 0xd8, 0xff];

/// First bytes of every BMP file.
pub(super) const BMP_SIGNATURE: [u8; 2] = *b"BM";

/// Markers of a JPEG file: the start of a scan, and the end of the image.
const START_OF_SCAN: [u8; 2] = [0xff, 0xda];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// Bytes of memory that the decoder may use for each pixel: coefficients of three colours in 2 bytes each, samples, and
/// copies.
const MEMORY_PER_PIXEL: u64 = 64;

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Bmp,
}

impl Format {
    /// Detects the format of a file from its first bytes `head`.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        if head.starts_with(&JPEG_SIGNATURE) {
            Some(Self::Jpeg)
        } else if head.starts_with(&BMP_SIGNATURE) {
            Some(Self::Bmp)
        } else {
            None
        }
    }

    /// Name of the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Bmp => "BMP",
        }
    }
}

/// Reason why a file has no pixels.
#[derive(Debug)]
pub(super) enum Refused {
    /// The caller does not accept the size of the image.
    Size { width: u32, height: u32 },
    /// The decoder refuses the file.
    Damaged(ImageError),
    /// A JPEG file ends within its image.
    CutOff,
}

/// Decodes a file if `accepts` returns true for its width and height. The Exif orientation of a JPEG file is applied.
pub(super) fn decode_grey(
    bytes: &[u8],
    format: Format,
    accepts: impl Fn(u32, u32) -> bool,
    background: u8,
) -> Result<Grey, Refused> {
    match format {
        Format::Jpeg => {
            if !is_whole_jpeg(bytes) {
                return Err(Refused::CutOff);
            }
            decode(JpegDecoder::new(Cursor::new(bytes)).map_err(Refused::Damaged)?, accepts, background)
        }
        Format::Bmp => {
            decode(BmpDecoder::new(Cursor::new(bytes)).map_err(Refused::Damaged)?, accepts, background)
        }
    }
}

/// Returns whether the last scan of a JPEG file has an end. The decoder fills missing pixels with grey without an error.
fn is_whole_jpeg(bytes: &[u8]) -> bool {
    // Within a scan, a byte 0xff is followed by zero or the number of a restart, so neither marker occurs in the data.
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    match (last(START_OF_SCAN), last(END_OF_IMAGE)) {
        (Some(start), Some(end)) => start < end,
        _ => false,
    }
}

fn decode(
    mut decoder: impl ImageDecoder,
    accepts: impl Fn(u32, u32) -> bool,
    background: u8,
) -> Result<Grey, Refused> {
    // The size is checked before memory is allocated for pixels.
    let (width, height) = decoder.dimensions();
    if !accepts(width, height) {
        return Err(Refused::Size { width, height });
    }
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(width);
    limits.max_image_height = Some(height);
    limits.max_alloc = Some(MEMORY_PER_PIXEL * u64::from(width) * u64::from(height) + (1 << 20));
    decoder.set_limits(limits).map_err(Refused::Damaged)?;
    let orientation = decoder.orientation().map_err(Refused::Damaged)?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(Refused::Damaged)?;
    image.apply_orientation(orientation);
    let (has_colors, has_alpha, samples) = match image {
        DynamicImage::ImageLuma8(image) => (false, false, image.into_raw()),
        DynamicImage::ImageLumaA8(image) => (false, true, image.into_raw()),
        DynamicImage::ImageRgb8(image) => (true, false, image.into_raw()),
        DynamicImage::ImageRgba8(image) => (true, true, image.into_raw()),
        // Neither format has wider samples today.
        other => (true, true, other.into_rgba8().into_raw()),
    };
    Ok(to_grey(&samples, Samples { has_colors, has_alpha, is_wide: false }, background))
}

#[cfg(test)]
mod tests;
