//! Charts outside of runs as files.

use std::path::Path;

use sottovoce_evaluate::records::{FormLatency, NoiseRow};
use sottovoce_network::atomic_file;

use crate::content::charts::latency::LatencyChart;
use crate::content::charts::noise::NoiseChart;
use crate::data::values::distinct;
use crate::drawing::encode::{Drawing, png_file, svg_text};
use crate::drawing::error::DrawError;
use crate::drawing::page::Caption;
use crate::drawing::typeface::Typeface;
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

/// Draws `NAME.svg` and `NAME.png` into `folder`.
///
/// # Errors
/// If a file cannot be drawn or written.
fn write_drawing(
    drawing: &impl Drawing,
    typeface: &Typeface,
    folder: &Path,
    name: &str,
) -> Result<(), ReportError> {
    let (svg, png) = (folder.join(format!("{name}.svg")), folder.join(format!("{name}.png")));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Draw { path, source }
    };
    let svg_text = svg_text(drawing, typeface).map_err(failed(&svg))?;
    let png_bytes = png_file(drawing, typeface).map_err(failed(&png))?;
    for (path, bytes) in [(&svg, svg_text.as_bytes()), (&png, &png_bytes[..])] {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(())
}
