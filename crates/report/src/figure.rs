//! A finished chart, ready to be written as SVG or PNG from one drawing.

use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};

use crate::canvas::Canvas;
use crate::markup::escaped;
use crate::raster::{self, Shade};
use crate::typeface::Typeface;

/// Units of an SVG's inner coordinates in one chart unit: positions to a tenth.
const SVG_SCALE: u32 = 10;

/// Pixels of the PNG in one chart unit: sharp on dense screens and in print.
pub const PNG_SCALE: u32 = 2;

/// The PNG is drawn this much finer and averaged down, which smooths every edge alike; `plotters`
/// leaves polygons jagged.
const OVERSAMPLING: u32 = 3;

/// Why a chart could not be drawn or encoded.
#[derive(Debug, thiserror::Error)]
#[error("cannot draw the chart: {0}")]
pub struct DrawError(String);

impl DrawError {
    pub(crate) fn from_backend(error: impl std::error::Error) -> Self {
        Self(error.to_string())
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

/// The SVG text of a drawing.
pub(crate) fn svg(drawing: &impl Drawing, typeface: &Typeface) -> Result<String, DrawError> {
    let (width, height) = drawing.size();
    let (fine_width, fine_height) = (width * SVG_SCALE, height * SVG_SCALE);
    let mut markup = String::new();
    let backend = SVGBackend::with_string(&mut markup, (fine_width, fine_height));
    let mut canvas = Canvas::new(backend, SVG_SCALE, typeface);
    drawing.draw(&mut canvas)?;
    canvas.finish()?;

    // Three repairs. The fine coordinates stay inside, the chart's own size shows outside.
    let fine = format!("<svg width=\"{fine_width}\" height=\"{fine_height}\"");
    let shown = format!("<svg width=\"{width}\" height=\"{height}\" role=\"img\"");
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
    let (width, height) = (width * PNG_SCALE, height * PNG_SCALE);
    let fine = (width * OVERSAMPLING, height * OVERSAMPLING);
    let mut pixels = vec![0; 3 * fine.0 as usize * fine.1 as usize];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, fine);
        let mut canvas = Canvas::new(backend, PNG_SCALE * OVERSAMPLING, typeface);
        drawing.draw(&mut canvas)?;
        canvas.finish()?;
    }
    let pixels = raster::average_down(&pixels, fine.0 as usize, OVERSAMPLING as usize);
    raster::encode(&pixels, (width, height), Shade::Colour).map_err(DrawError::from_backend)
}
