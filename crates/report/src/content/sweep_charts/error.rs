//! Errors of charts of a sweep.

use crate::drawing::error::DrawError;

/// Why a sweep's records cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepChartError {
    /// The records do not hold what the query asks for.
    #[error("{0}")]
    Query(String),
    /// The drawing or the encoding library failed.
    #[error(transparent)]
    Draw(#[from] DrawError),
}
