//! Conversion of samples of any colour type to grey pixels.

/// Kinds and sizes of the samples of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Samples {
    /// True if a pixel has red, green and blue, or only grey.
    pub(super) has_colors: bool,
    /// True if a sample for opacity follows.
    pub(super) has_alpha: bool,
    /// True if a sample has two big-endian bytes, or one byte.
    pub(super) is_wide: bool,
}

/// Grey pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grey {
    /// One byte for each pixel.
    pub(crate) pixels: Vec<u8>,
    /// True if the picture is drawn in its alpha channel: opacity differs between pixels, but all visible pixels have the
    /// same colour.
    pub(crate) is_drawn_in_alpha: bool,
}

/// Weights of red, green and blue in the luma of Rec. ITU-R BT.601, in thousandths.
const LUMA: [u64; 3] = [299, 587, 114];

/// Converts samples to grey pixels. Colours become their Rec. 601 luma without gamma correction. Transparent pixels are
/// blended with the grey `background`. Bytes after the last whole pixel are ignored.
#[expect(
    clippy::indexing_slicing,
    reason = "`sample` reads samples 0 to 3 of a chunk of `pixel_bytes`, as many samples as `form` says"
)]
pub(super) fn to_grey(samples: &[u8], form: Samples, background: u8) -> Grey {
    let (sample_bytes, full) = if form.is_wide { (2, u64::from(u16::MAX)) } else { (1, u64::from(u8::MAX)) };
    let colors = if form.has_colors { LUMA.len() } else { 1 };
    let pixel_bytes = sample_bytes * (colors + usize::from(form.has_alpha));
    let (mut opacities, mut lumas) = (Span::default(), Span::default());
    let grey = |pixel: &[u8]| {
        let sample = |index: usize| {
            pixel[index * sample_bytes..(index + 1) * sample_bytes]
                .iter()
                .fold(0, |value, &byte| (value << 8) | u64::from(byte))
        };
        let luma = match form.has_colors {
            false => 1000 * sample(0),
            true => LUMA.iter().enumerate().map(|(index, weight)| weight * sample(index)).sum(),
        };
        let alpha = if form.has_alpha { sample(colors) } else { full };
        opacities.add(alpha);
        if alpha > 0 {
            lumas.add(luma);
        }
        // Part of the background, in samples of this depth.
        let behind = 1000 * u64::from(background) * (full / 255) * (full - alpha);
        // The value is rounded once, at the end. The quotient is at most 255. Nothing overflows, because every sum is at
        // most 1000 * 65535 * 65535 * 255 < 2^51.
        let whole = 1000 * full * full;
        (((luma * alpha + behind) * 255 + whole / 2) / whole) as u8
    };
    let pixels = samples.chunks_exact(pixel_bytes).map(grey).collect();
    Grey { pixels, is_drawn_in_alpha: opacities.differ() && !lumas.differ() }
}

/// Smallest and largest of the added values.
#[derive(Default)]
struct Span(Option<(u64, u64)>);

impl Span {
    fn add(&mut self, value: u64) {
        let (low, high) = self.0.unwrap_or((value, value));
        self.0 = Some((low.min(value), high.max(value)));
    }

    fn differ(&self) -> bool {
        self.0.is_some_and(|(low, high)| low < high)
    }
}
