//! Decodes PNG files of all colour types and bit depths to grey pixels.
//!
//! Source: <https://www.w3.org/TR/png-3/>.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};

use crate::file_content::be_u32;
use crate::pictures::error::PngError;
use crate::pictures::grey::{Grey, Samples, to_grey};

/// First bytes of every PNG file.
pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Reads width and height from the header of a PNG file. `head` holds the first bytes of the file.
///
/// The header is the first chunk, after the signature and its own length and type. The decoder refuses files with
/// another first chunk, so a check of this size holds for every decoded file.
pub(super) fn size(head: &[u8]) -> Option<(u32, u32)> {
    (head.get(12..16)? == b"IHDR").then_some((be_u32(head, 16)?, be_u32(head, 20)?))
}

/// Decodes the pixels of a PNG file, row by row. Transparent pixels are blended with the grey `background`.
///
/// The caller must check [`size`] first, because this function allocates memory for the size in the header.
pub(super) fn decode_grey(bytes: &[u8], background: u8) -> Result<Grey, PngError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    // Otherwise a damaged `tRNS` would be ignored, and transparent pixels would become visible.
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // The limit is for chunks, which are shorter than the file, and for one row of at most 8 bytes a pixel.
    decoder.set_limits(Limits { bytes: bytes.len().saturating_add(1 << 20) });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info()?;
    // png 0.18.1 panics if the palette ends within a colour (its issue 694).
    if let Some(palette) = &reader.info().palette
        && palette.len() % 3 != 0
    {
        return Err(PngError::Palette { bytes: palette.len() });
    }

    let mut samples = vec![0; reader.output_buffer_size().ok_or(png::DecodingError::LimitsExceeded)?];
    let frame = reader.next_frame(&mut samples)?;
    // Reading to the end finds files that are cut off after their pixels.
    reader.finish()?;
    // The decoder has expanded palettes to colours.
    let (has_colors, has_alpha) = match frame.color_type {
        ColorType::Grayscale => (false, false),
        ColorType::GrayscaleAlpha => (false, true),
        ColorType::Rgb | ColorType::Indexed => (true, false),
        ColorType::Rgba => (true, true),
    };
    let is_wide = frame.bit_depth == BitDepth::Sixteen;
    Ok(to_grey(&samples, Samples { has_colors, has_alpha, is_wide }, background))
}

#[cfg(test)]
mod tests;
