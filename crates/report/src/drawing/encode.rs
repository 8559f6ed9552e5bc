//! File formats of charts: SVG, PNG and PDF, all from one drawing.

use std::sync::Arc;

use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use svg2pdf::usvg::{Options, Tree, fontdb};
use svg2pdf::{ConversionOptions, PageOptions};

use crate::drawing::canvas::Canvas;
use crate::drawing::error::DrawError;
use crate::drawing::rendering::{FinishedSize, Format, Rendering};
use crate::drawing::typeface::{BOLD, REGULAR, Typeface};

/// SVG coordinates in one chart unit. Positions are exact to a tenth of a unit.
const SVG_SCALE: u32 = 10;

/// Pixels of a PNG in one chart unit.
pub const PNG_SCALE: u32 = 2;

/// A PNG is drawn this many times finer and averaged down. This smooths all edges; `plotters` does not smooth polygons.
const OVERSAMPLING: u32 = 3;

/// Pixels per inch of a PNG with a given width or font size.
const PRINT_PIXELS_PER_INCH: f64 = 300.0;
const CSS_PIXELS_PER_INCH: f64 = 96.0;

/// A chart that can be drawn on a canvas.
pub(crate) trait Drawing {
    /// Width and height in chart units.
    fn size(&self) -> (u32, u32);

    /// Draws everything, background included.
    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError>;

    /// Text for screen readers.
    fn description(&self) -> String;
}

/// Draws a chart as a file in the format, width and font size of `rendering`.
pub(crate) fn chart_file(
    drawing: &impl Drawing,
    typeface: &Typeface,
    rendering: &Rendering,
) -> Result<Vec<u8>, DrawError> {
    let size = rendering.finished(drawing.size());
    match rendering.format {
        Format::Svg => Ok(svg_of_size(drawing, typeface, &size)?.into_bytes()),
        Format::Png if *rendering == (Rendering { format: Format::Png, ..Rendering::default() }) => {
            png_file(drawing, typeface)
        }
        Format::Png => print_png(drawing, typeface, &size),
        Format::Pdf => pdf_from_svg(&svg_of_size(drawing, typeface, &size)?),
    }
}

/// Draws a chart as SVG, one CSS pixel per chart unit.
pub(crate) fn svg_text(drawing: &impl Drawing, typeface: &Typeface) -> Result<String, DrawError> {
    svg_of_size(drawing, typeface, &Rendering::default().finished(drawing.size()))
}

fn svg_of_size(
    drawing: &impl Drawing,
    typeface: &Typeface,
    size: &FinishedSize,
) -> Result<String, DrawError> {
    let (width, height) = drawing.size();
    let (fine_width, fine_height) = (width * SVG_SCALE, height * SVG_SCALE);
    let mut markup = String::new();
    let backend = SVGBackend::with_string(&mut markup, (fine_width, fine_height));
    let mut canvas = Canvas::new(backend, f64::from(SVG_SCALE), typeface);
    drawing.draw(&mut canvas)?;
    canvas.finish()?;

    // Three corrections. First: the outer size is that of the chart, the fine coordinates stay inside.
    let fine = format!("<svg width=\"{fine_width}\" height=\"{fine_height}\"");
    let shown = format!("<svg width=\"{}\" height=\"{}\" role=\"img\"", size.width, size.height);
    let markup = markup.replacen(&fine, &shown, 1);
    // Second: positions of text are on the baseline already and need no shift.
    let markup = markup.replace(" dy=\"0.76em\"", "");
    // Third: screen readers read the title element.
    let title = format!(">\n<title>{}</title>\n", escape_markup(&drawing.description()));
    Ok(markup.replacen(">\n", &title, 1))
}

/// Draws a chart as a PNG file, [`PNG_SCALE`] pixels per chart unit.
pub(crate) fn png_file(drawing: &impl Drawing, typeface: &Typeface) -> Result<Vec<u8>, DrawError> {
    let (width, height) = drawing.size();
    let size = (width * PNG_SCALE, height * PNG_SCALE);
    let pixels = pixels(drawing, typeface, size, f64::from(PNG_SCALE))?;
    encode_png(&pixels, size, PixelFormat::Rgb, None)
}

/// Draws a chart as a PNG file for print. The file states its [`PRINT_PIXELS_PER_INCH`].
fn print_png(drawing: &impl Drawing, typeface: &Typeface, size: &FinishedSize) -> Result<Vec<u8>, DrawError> {
    let scale = size.pixels_per_unit * PRINT_PIXELS_PER_INCH / CSS_PIXELS_PER_INCH;
    let (width, height) = drawing.size();
    // At most 8000 CSS pixels wide; a chart is a few times as high as it is wide.
    let pixel_count = |units: u32| ((f64::from(units) * scale).round() as u32).max(1);
    let size = (pixel_count(width), pixel_count(height));
    let pixels = pixels(drawing, typeface, size, scale)?;
    encode_png(&pixels, size, PixelFormat::Rgb, Some(PRINT_PIXELS_PER_INCH))
}

/// Draws the RGB pixels of a chart, `scale` pixels per chart unit.
fn pixels(
    drawing: &impl Drawing,
    typeface: &Typeface,
    (width, height): (u32, u32),
    scale: f64,
) -> Result<Vec<u8>, DrawError> {
    let fine = (width * OVERSAMPLING, height * OVERSAMPLING);
    // White, since the chart may cover its last row of pixels only in part.
    let mut pixels = vec![0xFF; 3 * fine.0 as usize * fine.1 as usize];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, fine);
        let mut canvas = Canvas::new(backend, scale * f64::from(OVERSAMPLING), typeface);
        drawing.draw(&mut canvas)?;
        canvas.finish()?;
    }
    Ok(average_down(&pixels, fine.0 as usize, OVERSAMPLING as usize))
}

/// CSS pixels of one inch. A chart has the same size as SVG and as PDF.
const PDF_PIXELS_PER_INCH: f32 = 96.0;

/// Converts the SVG of a chart to a PDF file with one page of the chart's size. System fonts are not read, and no date is written.
/// `svg2pdf` 0.13 writes fonts in the order of a hash map: the page of a chart with two fonts is always the same, but the order of
/// the fonts in the file may change.
fn pdf_from_svg(svg: &str) -> Result<Vec<u8>, DrawError> {
    let mut fonts = fontdb::Database::new();
    for font in [REGULAR, BOLD] {
        fonts.load_font_data(font.to_vec());
    }
    // The name of the family does not matter, since there is only one.
    let options = Options {
        fontdb: Arc::new(fonts),
        dpi: PDF_PIXELS_PER_INCH,
        font_family: "Inter".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(DrawError::from_backend)?;
    svg2pdf::to_pdf(&tree, ConversionOptions::default(), PageOptions { dpi: PDF_PIXELS_PER_INCH })
        .map_err(|error| DrawError::Library(format!("the PDF writer failed: {error}")))
}

/// Bytes of a pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PixelFormat {
    /// One byte: 0 is black, 255 white.
    Grey,
    /// Three bytes: red, green, blue.
    Rgb,
}

/// Averages every square of `factor` x `factor` RGB pixels into one pixel. `width` is the width of the fine picture in pixels. Width
/// and height are multiples of `factor`.
fn average_down(pixels: &[u8], width: usize, factor: usize) -> Vec<u8> {
    let coarse_width = width / factor;
    let mut sums = vec![0_u32; 3 * coarse_width];
    let mut averaged = Vec::with_capacity(pixels.len() / (factor * factor));
    let area = u32::try_from(factor * factor).unwrap_or(u32::MAX);
    for rows in pixels.chunks_exact(3 * width * factor) {
        sums.fill(0);
        for row in rows.chunks_exact(3 * width) {
            for (sum, pixels) in sums.chunks_exact_mut(3).zip(row.chunks_exact(3 * factor)) {
                for pixel in pixels.chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(sum, &byte)| *sum += u32::from(byte));
                }
            }
        }
        // A rounded average of bytes is a byte.
        averaged.extend(sums.iter().map(|sum| ((sum + area / 2) / area) as u8));
    }
    averaged
}

/// Encodes `pixels`, row by row, as a PNG file. The file holds nothing that differs from run to run. It states its size on paper if
/// `pixels_per_inch` is given.
pub(crate) fn encode_png(
    pixels: &[u8],
    (width, height): (u32, u32),
    shade: PixelFormat,
    pixels_per_inch: Option<f64>,
) -> Result<Vec<u8>, DrawError> {
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, width, height);
    encoder.set_color(match shade {
        PixelFormat::Grey => png::ColorType::Grayscale,
        PixelFormat::Rgb => png::ColorType::Rgb,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    if let Some(pixels_per_inch) = pixels_per_inch {
        const INCHES_PER_METRE: f64 = 1000.0 / 25.4;
        // 300 pixels per inch are 11811 per metre.
        let per_metre = (pixels_per_inch * INCHES_PER_METRE).round() as u32;
        let unit = png::Unit::Meter;
        encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit }));
    }
    let mut writer = encoder.write_header().map_err(DrawError::from_backend)?;
    writer.write_image_data(pixels).map_err(DrawError::from_backend)?;
    writer.finish().map_err(DrawError::from_backend)?;
    Ok(file)
}

/// Escapes every character with a meaning in XML or HTML, in content and in attributes.
pub(crate) fn escape_markup(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            letter => safe.push(letter),
        }
    }
    safe
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

    #[test]
    fn nothing_that_markup_understands_is_left() {
        assert_eq!(
            escape_markup("<script a=\"b\" c='d'>&</script>"),
            "&lt;script a=&quot;b&quot; c=&#39;d&#39;&gt;&amp;&lt;/script&gt;"
        );
        assert_eq!(escape_markup("90–95 %"), "90–95 %");
    }
}
