//! The chart of latencies as files.

use std::path::Path;

use sottovoce_evaluate::records::FormLatency;

use crate::content::charts::latency::LatencyChart;
use crate::drawing::error::DrawError;
use crate::drawing::page::Caption;
use crate::drawing::typeface::Typeface;
use crate::output::drawing_files::write_drawing;
use crate::output::error::ReportError;

/// Draws `latency.svg` and `latency.png` into `folder`: seconds and bytes of every form for every number of images.
///
/// # Errors
/// If there are no rows, or a file cannot be drawn or written.
pub fn write_latency_chart(
    forms: &[FormLatency],
    caption: &Caption,
    folder: &Path,
) -> Result<(), ReportError> {
    let records = folder.join("latency.json");
    if forms.iter().all(|form| form.rows.is_empty()) {
        return Err(ReportError::NoRows { path: records });
    }
    let broken = |error: DrawError| ReportError::Chart { path: records.clone(), source: error.into() };
    let typeface = Typeface::embedded().map_err(broken)?;
    let drawing = LatencyChart::new(forms, caption).map_err(broken)?;
    write_drawing(&drawing, &typeface, folder, "latency")
}
