//! Samples of any colour type as grey pixels.

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Samples {
    /// Whether there are red, green and blue, or grey alone.
    pub(super) has_colors: bool,
    /// Whether a sample of opacity follows.
    pub(super) has_alpha: bool,
    /// Whether a sample has two bytes, big-endian, or one.
    pub(super) is_wide: bool,
}

/// Grey pixels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grey {
    /// One byte for each pixel.
    pub(crate) pixels: Vec<u8>,
    /// Whether opacity differs between pixels, but the colour of those that can be seen does not: the picture is drawn
    /// in its alpha channel.
    pub(crate) is_drawn_in_alpha: bool,
}

/// Shares of red, green and blue in the luma of Rec. ITU-R BT.601, in thousandths.
const LUMA: [u64; 3] = [299, 587, 114];

/// Samples as grey pixels: colours by their Rec. 601 luma as they are stored, transparent pixels on background of that grey.
/// Bytes behind the last whole pixel are ignored.
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
        // Of the background, in samples of this depth.
        let behind = 1000 * u64::from(background) * (full / 255) * (full - alpha);
        // Rounded once, at the very end. The quotient is at most 255; nothing overflows, since no sum
        // exceeds 1000 * 65535 * 65535 * 255 < 2^51.
        let whole = 1000 * full * full;
        (((luma * alpha + behind) * 255 + whole / 2) / whole) as u8
    };
    let pixels = samples.chunks_exact(pixel_bytes).map(grey).collect();
    Grey { pixels, is_drawn_in_alpha: opacities.differ() && !lumas.differ() }
}

/// The smallest and the largest of some values.
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
