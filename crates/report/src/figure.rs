//! A finished chart, ready to be written as SVG, PNG or PDF from one drawing.

use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};

use crate::canvas::Canvas;
use crate::markup::escaped;
use crate::pdf;
use crate::raster::{self, Shade};
use crate::rendering::{FinishedSize, Format, Rendering};
use crate::typeface::Typeface;

/// Units of an SVG's inner coordinates in one chart unit: positions to a tenth.
const SVG_SCALE: u32 = 10;

/// Pixels of the PNG in one chart unit: sharp on dense screens and in print.
pub const PNG_SCALE: u32 = 2;

/// The PNG is drawn this much finer and averaged down, which smooths every edge alike; `plotters`
/// leaves polygons jagged.
const OVERSAMPLING: u32 = 3;

/// Pixels of a PNG whose width or font size was asked for.
const PRINT_PIXELS_PER_INCH: f64 = 300.0;
const CSS_PIXELS_PER_INCH: f64 = 96.0;

/// Why a chart could not be drawn or encoded.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the chart: {0}")]
pub struct DrawError(String);

impl DrawError {
    pub(crate) fn from_backend(error: impl std::error::Error) -> Self {
        Self(error.to_string())
    }

    pub(crate) fn from_text(text: String) -> Self {
        Self(text)
    }
}

/// Something to draw on a canvas of its own size.
pub(crate) trait Drawing {
    /// Width and height in chart units.
    fn size(&self) -> (u32, u32);

    /// Draws everything, background included.
    fn draw<B: DrawingBackend>(&self, canvas: &mut Canvas<'_, B>) -> Result<(), DrawError>;

    /// What a screen reader says of the chart.
    fn description(&self) -> String;
}

/// The file of a drawing in the format, width and font size of `rendering`.
pub(crate) fn render(
    drawing: &impl Drawing,
    typeface: &Typeface,
    rendering: &Rendering,
) -> Result<Vec<u8>, DrawError> {
    let size = rendering.finished(drawing.size());
    match rendering.format {
        Format::Svg => Ok(svg_of_size(drawing, typeface, &size)?.into_bytes()),
        Format::Png if *rendering == (Rendering { format: Format::Png, ..Rendering::default() }) => {
            png(drawing, typeface)
        }
        Format::Png => print_png(drawing, typeface, &size),
        Format::Pdf => pdf::from_svg(&svg_of_size(drawing, typeface, &size)?),
    }
}

/// The SVG text of a drawing, one CSS pixel to the unit.
pub(crate) fn svg(drawing: &impl Drawing, typeface: &Typeface) -> Result<String, DrawError> {
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

    // Three repairs. The fine coordinates stay inside, the chart's own size shows outside.
    let fine = format!("<svg width=\"{fine_width}\" height=\"{fine_height}\"");
    let shown = format!("<svg width=\"{}\" height=\"{}\" role=\"img\"", size.width, size.height);
    let markup = markup.replacen(&fine, &shown, 1);
    // Our positions are on the baseline already, so text needs no shift.
    let markup = markup.replace(" dy=\"0.76em\"", "");
    // A title is what screen readers read.
    let title = format!(">\n<title>{}</title>\n", escaped(&drawing.description()));
    Ok(markup.replacen(">\n", &title, 1))
}

/// The PNG file of a drawing, [`PNG_SCALE`] pixels to the unit.
pub(crate) fn png(drawing: &impl Drawing, typeface: &Typeface) -> Result<Vec<u8>, DrawError> {
    let (width, height) = drawing.size();
    let size = (width * PNG_SCALE, height * PNG_SCALE);
    let pixels = pixels(drawing, typeface, size, f64::from(PNG_SCALE))?;
    raster::encode(&pixels, size, Shade::Colour, None).map_err(DrawError::from_backend)
}

/// The PNG file of a drawing for print: [`PRINT_PIXELS_PER_INCH`], which the file says.
fn print_png(drawing: &impl Drawing, typeface: &Typeface, size: &FinishedSize) -> Result<Vec<u8>, DrawError> {
    let scale = size.pixels_per_unit * PRINT_PIXELS_PER_INCH / CSS_PIXELS_PER_INCH;
    let (width, height) = drawing.size();
    // At most 8000 CSS pixels wide; a chart is a few times as high as it is wide.
    let pixel_count = |units: u32| ((f64::from(units) * scale).round() as u32).max(1);
    let size = (pixel_count(width), pixel_count(height));
    let pixels = pixels(drawing, typeface, size, scale)?;
    raster::encode(&pixels, size, Shade::Colour, Some(PRINT_PIXELS_PER_INCH)).map_err(DrawError::from_backend)
}

/// The pixels of a drawing with `scale` of them to the unit.
fn pixels(
    drawing: &impl Drawing,
    typeface: &Typeface,
    (width, height): (u32, u32),
    scale: f64,
) -> Result<Vec<u8>, DrawError> {
    let fine = (width * OVERSAMPLING, height * OVERSAMPLING);
    // White: a chart's last row of pixels may be covered in part.
    let mut pixels = vec![0xFF; 3 * fine.0 as usize * fine.1 as usize];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, fine);
        let mut canvas = Canvas::new(backend, scale * f64::from(OVERSAMPLING), typeface);
        drawing.draw(&mut canvas)?;
        canvas.finish()?;
    }
    Ok(raster::average_down(&pixels, fine.0 as usize, OVERSAMPLING as usize))
}
