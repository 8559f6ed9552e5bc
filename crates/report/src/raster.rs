//! Pixels: averaging an oversampled picture down, and PNG encoding.

/// What a pixel's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shade {
    /// One byte: 0 is black, 255 white.
    Grey,
    /// Three bytes: red, green, blue.
    Colour,
}

/// Averages every square of `factor` x `factor` RGB pixels into one. `width` is that of the fine
/// picture in pixels and, like its height, a multiple of `factor`.
pub(crate) fn average_down(pixels: &[u8], width: usize, factor: usize) -> Vec<u8> {
    let coarse_width = width / factor;
    let mut sums = vec![0_u32; 3 * coarse_width];
    let mut averaged = Vec::with_capacity(pixels.len() / (factor * factor));
    let area = u32::try_from(factor * factor).unwrap_or(u32::MAX);
    for rows in pixels.chunks_exact(3 * width * factor) {
        sums.fill(0);
        for row in rows.chunks_exact(3 * width) {
            for (x, pixel) in row.chunks_exact(3).enumerate() {
                let sum = &mut sums[3 * (x / factor)..][..3];
                sum.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u32::from(byte));
            }
        }
        // A rounded average of bytes is a byte.
        averaged.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
    }
    averaged
}

/// A PNG file of `pixels`, row by row, and nothing that differs from run to run in it. The file says how large it is on
/// paper where `pixels_per_inch` is given.
pub(crate) fn encode(
    pixels: &[u8],
    (width, height): (u32, u32),
    shade: Shade,
    pixels_per_inch: Option<f64>,
) -> Result<Vec<u8>, png::EncodingError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(match shade {
        Shade::Grey => png::ColorType::Grayscale,
        Shade::Colour => png::ColorType::Rgb,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    if let Some(pixels_per_inch) = pixels_per_inch {
        const INCHES_PER_METRE: f64 = 1000.0 / 25.4;
        // 300 pixels an inch are 11811 a metre.
        let per_metre = (pixels_per_inch * INCHES_PER_METRE).round() as u32;
        let unit = png::Unit::Meter;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit }));
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_of_pixels_become_their_average() {
        let (black, white) = ([0, 0, 0], [255, 255, 255]);
        let fine = [black, white, white, white, black, white, white, white].concat();
        assert_eq!(average_down(&fine, 4, 2), [128, 128, 128, 255, 255, 255]);
    }
}
