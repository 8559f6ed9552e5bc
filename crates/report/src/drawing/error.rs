//! Errors of drawing and encoding.

/// Why a chart could not be drawn or encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DrawError {
    /// The drawing or the encoding library failed.
    #[error("cannot draw the chart: {0}")]
    Library(String),
    /// The font compiled into this crate is broken.
    #[error("the font in crates/report/fonts is not an OpenType font; restore it and build again")]
    Font,
}

impl DrawError {
    /// An error of the drawing or encoding library.
    pub(crate) fn from_backend(error: impl std::error::Error) -> Self {
        Self::Library(error.to_string())
    }
}
