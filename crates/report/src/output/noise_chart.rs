//! The noise chart as files.

use std::path::Path;

use sottovoce_evaluate::records::NoiseRow;

use crate::content::charts::noise::NoiseChart;
use crate::data::values::distinct;
use crate::drawing::error::DrawError;
use crate::drawing::page::Caption;
use crate::drawing::typeface::Typeface;
use crate::output::drawing_files::write_drawing;
use crate::output::error::ReportError;

/// Draws `noise.svg` and `noise.png` into `folder`.
///
/// # Errors
/// If there are no rows, or a file cannot be drawn or written.
pub fn write_noise_chart(rows: &[NoiseRow], folder: &Path) -> Result<(), ReportError> {
    let records = folder.join("noise.csv");
    if rows.is_empty() {
        return Err(ReportError::NoRows { path: records });
    }
    let networks = distinct(rows.iter().map(|row| row.network)).len();
    let caption = Caption {
        title: "Measured against predicted noise".to_owned(),
        dataset: format!("{networks} random networks"),
        synthetic: false,
    };
    let broken = |error: DrawError| ReportError::Chart { path: records.clone(), source: error.into() };
    let typeface = Typeface::embedded().map_err(broken)?;
    let drawing = NoiseChart::new(rows, &caption).map_err(broken)?;
    write_drawing(&drawing, &typeface, folder, "noise")
}
