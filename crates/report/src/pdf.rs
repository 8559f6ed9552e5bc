//! SVG to PDF, with the letters as text in the shipped font.

use std::sync::Arc;

use svg2pdf::usvg::{Options, Tree, fontdb};
use svg2pdf::{ConversionOptions, PageOptions};

use crate::figure::DrawError;
use crate::typeface::{BOLD, REGULAR};

/// CSS pixels of one inch: a chart has the same size in both formats.
const PIXELS_PER_INCH: f32 = 96.0;

/// The PDF file of a chart's SVG: one page of the chart's size. Fonts of the system are not read, and no date is
/// written. `svg2pdf` 0.13 writes fonts in the order of a hash map: a chart with two weights has the same page every time,
/// but its two fonts may change places in the file.
pub(crate) fn from_svg(svg: &str) -> Result<Vec<u8>, DrawError> {
    let mut fonts = fontdb::Database::new();
    for font in [REGULAR, BOLD] {
        fonts.load_font_data(font.to_vec());
    }
    // What the family is called does not matter: there is one.
    let options = Options {
        fontdb: Arc::new(fonts),
        dpi: PIXELS_PER_INCH,
        font_family: "Inter".to_owned(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(DrawError::from_backend)?;
    svg2pdf::to_pdf(&tree, ConversionOptions::default(), PageOptions { dpi: PIXELS_PER_INCH })
        .map_err(|error| DrawError::from_text(format!("the PDF writer failed: {error}")))
}
