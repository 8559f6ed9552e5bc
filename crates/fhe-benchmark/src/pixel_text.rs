//! The harness's images: a line for each image, with one number from 0 to 1 for each pixel.
//!
//! The harness writes six digits behind the point (`0.000000`), which are read eight bytes at a time. All other forms of numbers are
//! read too, only slower.

use std::fmt;

use rayon::prelude::*;

/// Length in bytes of a part of the text that one thread reads, at least.
const PART_BYTES: usize = 1 << 18;

/// Number of characters of a refused number that an error shows.
const EXCERPT_CHARACTERS: usize = 20;

/// Error of a text that holds no images.
#[derive(Debug, PartialEq, Eq)]
pub struct PixelTextError {
    /// Number of the line, from 1.
    line: usize,
    problem: Problem,
}

#[derive(Debug, PartialEq, Eq)]
enum Problem {
    /// A number from 0 to 1 was expected at a column, which is counted in bytes from 1.
    Number { column: usize, found: String },
    /// The line has another number of pixels.
    Count { found: usize, allowed: usize },
    /// There is no line.
    Empty,
}

impl fmt::Display for PixelTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        match &self.problem {
            Problem::Number { column, found } => {
                write!(f, "line {line}, column {column}: {found:?} is no number from 0 to 1")
            }
            Problem::Count { found, allowed } => {
                write!(f, "line {line} has {found} numbers, but an image has {allowed}")
            }
            Problem::Empty => write!(f, "the file has no images"),
        }
    }
}

impl std::error::Error for PixelTextError {}

/// Reads images of `pixels` pixels each, on the threads of the current `rayon` pool. Returns them image after image, one byte for each
/// pixel: 255 times the number, rounded. The numbers of files of bytes therefore become these bytes again.
///
/// # Errors
/// If a line has another number of pixels, a number is not from 0 to 1, or there is no image.
pub fn parse(text: &[u8], pixels: usize) -> Result<Vec<u8>, PixelTextError> {
    let parts = split_at_lines(text);
    let parsed: Vec<_> = parts.par_iter().map(|part| parse_part(part, pixels)).collect();
    let mut images = Vec::with_capacity(parsed.iter().flatten().map(Vec::len).sum());
    let mut lines_before = 0;
    for (part, result) in parts.iter().zip(parsed) {
        match result {
            Ok(part_images) => {
                images.extend_from_slice(&part_images);
                lines_before += part_images.len() / pixels;
            }
            // The lines before are complete images, so their number is the number of lines.
            Err(PixelTextError { line, problem }) => {
                return Err(PixelTextError { line: lines_before + line, problem });
            }
        }
        debug_assert!(!part.is_empty());
    }
    if images.is_empty() {
        return Err(PixelTextError { line: 1, problem: Problem::Empty });
    }
    Ok(images)
}

/// Splits a text into parts of whole lines.
fn split_at_lines(text: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let behind = rest.get(PART_BYTES..).unwrap_or_default();
        let end = behind.iter().position(|&byte| byte == b'\n');
        let length = end.map_or(rest.len(), |end| PART_BYTES + end + 1);
        let (part, other) = rest.split_at(length);
        parts.push(part);
        rest = other;
    }
    parts
}

/// Reads the images in a part of whole lines. Errors count lines from the beginning of the part.
fn parse_part(text: &[u8], pixels: usize) -> Result<Vec<u8>, PixelTextError> {
    let mut images = Vec::with_capacity(text.len() / 8);
    let mut rest = text;
    let mut line_start = text;
    let mut line = 1;
    let mut count = 0;
    while !rest.is_empty() {
        if let Some((pixel, behind)) = six_digits(rest) {
            images.push(pixel);
            count += 1;
            rest = behind;
            continue;
        }
        match rest {
            [b'\n', behind @ ..] => {
                check_count(line, count, pixels)?;
                (rest, line_start, line, count) = (behind, behind, line + 1, 0);
            }
            [b' ' | b'\t' | b'\r', behind @ ..] => rest = behind,
            _ => {
                let length = rest.iter().position(|&byte| is_blank(byte)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(length);
                let Some(pixel) = any_form(word) else {
                    let column = line_start.len() - rest.len() + 1;
                    let found = String::from_utf8_lossy(word).chars().take(EXCERPT_CHARACTERS).collect();
                    return Err(PixelTextError { line, problem: Problem::Number { column, found } });
                };
                images.push(pixel);
                count += 1;
                rest = behind;
            }
        }
    }
    // The last line may have no end.
    if !line_start.is_empty() {
        check_count(line, count, pixels)?;
    }
    Ok(images)
}

fn check_count(line: usize, found: usize, allowed: usize) -> Result<(), PixelTextError> {
    match found == allowed {
        true => Ok(()),
        false => Err(PixelTextError { line, problem: Problem::Count { found, allowed } }),
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Reads a number with six digits behind the point at the beginning of a text. Returns the pixel and the text behind it, or `None` if there
/// is something else, or a number above 1.
fn six_digits(text: &[u8]) -> Option<(u8, &[u8])> {
    const ZERO: [u8; 8] = *b"0.000000";
    let (number, behind) = text.split_first_chunk::<8>()?;
    if !behind.first().is_none_or(|&byte| is_blank(byte)) {
        return None;
    }
    // Most pixels are black.
    if *number == ZERO {
        return Some((0, behind));
    }
    let [whole @ (b'0' | b'1'), b'.', digits @ ..] = number else { return None };
    let mut millionths = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        millionths = 10 * millionths + u32::from(digit - b'0');
    }
    millionths += 1_000_000 * u32::from(whole - b'0');
    // At most 255 for a number of at most 1.
    (millionths <= 1_000_000).then(|| (((millionths * 255 + 500_000) / 1_000_000) as u8, behind))
}

/// Reads a number in any decimal form. Returns the pixel, or `None` if the number is not from 0 to 1.
fn any_form(word: &[u8]) -> Option<u8> {
    let number: f64 = std::str::from_utf8(word).ok()?.parse().ok()?;
    // From 0 to 255. A comparison with a number that is none is false.
    (0.0..=1.0).contains(&number).then(|| (number * 255.0).round() as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text.as_bytes(), 2).unwrap_err().to_string()
    }

    #[test]
    fn every_byte_survives_the_harness_s_form_and_others() {
        let bytes: Vec<u8> = (0..=255).collect();
        let line = |number: fn(f64) -> String| {
            bytes.iter().map(|&byte| number(f64::from(byte) / 255.0)).collect::<Vec<_>>().join(" ") + "\n"
        };
        let text = line(|number| format!("{number:.6}"))
            + &line(|number| format!("{number:.9}"))
            + &line(|number| format!("{number:.18e}"))
            + &line(|number| format!("{number}")).replace(' ', " \t ").replace('\n', " \r\n");
        assert_eq!(parse(text.as_bytes(), 256).unwrap(), bytes.repeat(4));
    }

    #[test]
    fn the_last_line_needs_no_end() {
        assert_eq!(parse(b"0.000000 1.000000\n0.5 1", 2).unwrap(), [0, 255, 128, 255]);
        assert_eq!(parse(b"0.000000 1.000000\n0.500000 1.000000", 2).unwrap(), [0, 255, 128, 255]);
    }

    #[test]
    fn errors_name_line_and_column() {
        assert_eq!(error("0 1\n0.5 1.000001\n"), "line 2, column 5: \"1.000001\" is no number from 0 to 1");
        assert_eq!(error("0 1\n0 1\n  -0.1 0\n"), "line 3, column 3: \"-0.1\" is no number from 0 to 1");
        assert_eq!(error("0.000000 nan\n"), "line 1, column 10: \"nan\" is no number from 0 to 1");
        assert_eq!(error("0.00000x 1\n"), "line 1, column 1: \"0.00000x\" is no number from 0 to 1");
        assert_eq!(error("0,1\n"), "line 1, column 1: \"0,1\" is no number from 0 to 1");
        assert_eq!(error("0 1\n0\n"), "line 2 has 1 numbers, but an image has 2");
        assert_eq!(error("0 1 1\n"), "line 1 has 3 numbers, but an image has 2");
        assert_eq!(error("0 1\n\n"), "line 2 has 0 numbers, but an image has 2");
        assert_eq!(error("0 1\n "), "line 2 has 0 numbers, but an image has 2");
        assert_eq!(error(""), "the file has no images");
    }

    #[test]
    fn lines_are_counted_over_parts() {
        let line = "0.000000 0.498039\n";
        let lines = 4 * PART_BYTES / line.len();
        let good = line.repeat(lines);
        let images = parse(good.as_bytes(), 2).unwrap();
        assert_eq!(images, [0, 127].repeat(lines));
        let bad = good + "0.1 2\n" + line;
        assert_eq!(error(&bad), format!("line {}, column 5: \"2\" is no number from 0 to 1", lines + 1));
    }
}
