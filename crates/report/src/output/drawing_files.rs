//! Charts outside of runs as files.

use std::path::Path;

use sottovoce_network::atomic_file;

use crate::drawing::encode::{Drawing, png_file, svg_text};
use crate::drawing::typeface::Typeface;
use crate::output::error::ReportError;

/// Draws `NAME.svg` and `NAME.png` into `folder`.
///
/// # Errors
/// If a file cannot be drawn or written.
pub(crate) fn write_drawing(
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
