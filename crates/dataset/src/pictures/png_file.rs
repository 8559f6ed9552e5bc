//! PNG files of all colour types and bit depths, as grey pixels.
//!
//! Source: <https://www.w3.org/TR/png-3/>.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};

use crate::file_content::be_u32;
use crate::pictures::error::PngError;
use crate::pictures::grey::{Grey, Samples, to_grey};

/// How every PNG file begins.
pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Width and height as the header of a PNG file says that begins with `head`.
///
/// The header is the first chunk, behind the signature and its own length and type. The decoder refuses
/// files where it is not, so none gets past a check of this size.
pub(super) fn size(head: &[u8]) -> Option<(u32, u32)> {
    (head.get(12..16)? == b"IHDR").then_some((be_u32(head, 16)?, be_u32(head, 20)?))
}

/// The pixels of a PNG file, row by row, transparent ones on background of that grey.
///
/// The caller has checked [`size`]: this allocates what the header asks for.
pub(super) fn decode_grey(bytes: &[u8], background: u8) -> Result<Grey, PngError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    options.set_ignore_iccp_chunk(true);
    // A damaged `tRNS` would otherwise be ignored, and what is transparent be seen.
    options.set_skip_ancillary_crc_failures(false);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), options);
    // Chunks, which are shorter than the file, and one row: 8 bytes a pixel at most.
    decoder.set_limits(Limits { bytes: bytes.len().saturating_add(1 << 20) });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info()?;
    // With a part of a colour at its end, png 0.18.1 panics (its issue 694).
    if let Some(palette) = &reader.info().palette
        && palette.len() % 3 != 0
    {
        return Err(PngError::Palette { bytes: palette.len() });
    }

    let mut samples = vec![0; reader.output_buffer_size().ok_or(png::DecodingError::LimitsExceeded)?];
    let frame = reader.next_frame(&mut samples)?;
    // To the end, so that a file that is cut off behind its pixels is noticed.
    reader.finish()?;
    // Palettes have been expanded to colours.
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
