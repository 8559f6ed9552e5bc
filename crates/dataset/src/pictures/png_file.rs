//! PNG files of all colour types and bit depths, as grey pixels.
//!
//! Source: <https://www.w3.org/TR/png-3/>.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};

use super::error::PngError;
use super::file::be_u32;

/// How every PNG file begins.
pub(super) const SIGNATURE: [u8; 8] = [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n'];

/// Width and height as the header of a PNG file says that begins with `head`.
///
/// The header is the first chunk, behind the signature and its own length and type. The decoder refuses
/// files where it is not, so none gets past a check of this size.
pub(super) fn size(head: &[u8]) -> Option<(u32, u32)> {
    (head.get(12..16)? == b"IHDR").then_some((be_u32(head, 16)?, be_u32(head, 20)?))
}

/// The largest PNG file accepted of an image of `side` x `side` pixels, in bytes: twice what the pixels take
/// in the largest format, 8 bytes each, and 1 MiB for all else (texts, colour profiles). It bounds the
/// memory, and the time too, since deflate expands at most 1032 times.
pub(super) fn most_bytes(side: usize) -> u64 {
    (side as u64).saturating_mul(side as u64).saturating_mul(2 * 8).saturating_add(1 << 20)
}

/// The pixels of a PNG file, row by row, transparent ones on paper of that grey.
///
/// The caller has checked [`size`]: this allocates what the header asks for.
pub(super) fn decode_grey(bytes: &[u8], paper: u8) -> Result<Vec<u8>, PngError> {
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
    Ok(to_grey(&samples, frame.color_type, frame.bit_depth, paper))
}

/// Samples of 8 or 16 bits as grey pixels.
fn to_grey(samples: &[u8], color: ColorType, depth: BitDepth, paper: u8) -> Vec<u8> {
    let (sample_bytes, full) = match depth {
        BitDepth::Sixteen => (2, u64::from(u16::MAX)),
        _ => (1, u64::from(u8::MAX)),
    };
    // Palettes have been expanded to colours.
    let (colors, has_alpha) = match color {
        ColorType::Grayscale => (1, false),
        ColorType::GrayscaleAlpha => (1, true),
        ColorType::Rgb | ColorType::Indexed => (3, false),
        ColorType::Rgba => (3, true),
    };
    let pixel_bytes = sample_bytes * (colors + usize::from(has_alpha));
    let grey = |pixel: &[u8]| {
        let sample = |index: usize| {
            pixel[index * sample_bytes..(index + 1) * sample_bytes]
                .iter()
                .fold(0, |value, &byte| (value << 8) | u64::from(byte))
        };
        let luma = match colors {
            1 => 1000 * sample(0),
            _ => LUMA.iter().enumerate().map(|(index, weight)| weight * sample(index)).sum(),
        };
        let alpha = if has_alpha { sample(colors) } else { full };
        // Of the paper, in samples of this depth.
        let behind = 1000 * u64::from(paper) * (full / 255) * (full - alpha);
        // Rounded once, at the very end. The quotient is at most 255; nothing overflows, since no sum
        // exceeds 1000 * 65535 * 65535 * 255 < 2^51.
        let whole = 1000 * full * full;
        (((luma * alpha + behind) * 255 + whole / 2) / whole) as u8
    };
    samples.chunks_exact(pixel_bytes).map(grey).collect()
}

/// Shares of red, green and blue in the luma of Rec. ITU-R BT.601, in thousandths.
const LUMA: [u64; 3] = [299, 587, 114];

#[cfg(test)]
#[path = "png_file_tests.rs"]
mod tests;
