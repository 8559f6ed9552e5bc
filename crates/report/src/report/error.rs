//! Why there is no report.

use std::path::PathBuf;

use sottovoce_evaluate::records::RecordError;

use crate::figure::DrawError;
use crate::figure_accuracy::FigureError;
use crate::study::StudyError;
use crate::voter::UnknownVoter;

/// Why a report was not written. No half-written file is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A record file is missing or broken.
    #[error("cannot report on this run: its records are incomplete or broken; evaluate the run first")]
    Records(#[from] RecordError),
    /// A record file has no rows.
    #[error("{path} has no rows; evaluate the run first")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// `run.json` is there but cannot be read.
    #[error(
        "cannot read {path}, which says whether the data is synthetic; repair it, or remove it to draw charts \
         that name no data set"
    )]
    RunFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The rows of a file cannot be drawn.
    #[error("cannot draw the records in {path}")]
    Figure {
        /// The file with the rows.
        path: PathBuf,
        /// Why not.
        source: FigureError,
    },
    /// A row names an unknown voter.
    #[error("cannot tabulate {path}; correct the row or evaluate the run again")]
    Voter {
        /// The file with the row.
        path: PathBuf,
        /// Which name.
        source: UnknownVoter,
    },
    /// A sweep's records cannot be read or drawn.
    #[error(transparent)]
    Study(#[from] StudyError),
    /// The drawing or the encoding library failed.
    #[error("cannot draw {path}")]
    Draw {
        /// The file that was to be written.
        path: PathBuf,
        /// Why not.
        source: DrawError,
    },
    /// A file could not be written.
    #[error("cannot write {path}; check that there is space and that you may write to its folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}
