//! Errors of charts of a run.

use crate::data::split_accuracy::SplitAccuracyError;
use crate::data::voter::UnknownVoter;
use crate::drawing::error::DrawError;

/// Why a run's records cannot be drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChartError {
    /// The rows of a split method cannot be drawn.
    #[error(transparent)]
    Rows(#[from] SplitAccuracyError),
    /// A voter has an unknown name.
    #[error(transparent)]
    UnknownVoter(#[from] UnknownVoter),
    /// The drawing or the encoding library failed.
    #[error(transparent)]
    Draw(#[from] DrawError),
}
