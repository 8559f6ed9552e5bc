//! Why there is no chart of a sweep.

use std::path::PathBuf;

use crate::figure::DrawError;
use crate::figure_accuracy::FigureError;

/// Why a sweep's records cannot be read or drawn.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StudyError {
    /// The folder holds no records that can be charted.
    #[error(
        "{folder} has neither table.csv nor accuracy.csv; name the folder of a sweep or of a run, such as results/NAME"
    )]
    NoRecords {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file holds something that it must not.
    #[error("{path}{}: {message}", line.map_or_else(String::new, |line| format!(", line {line}")))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1, where one is to blame.
        line: Option<u64>,
        /// What was found and what is allowed.
        message: String,
    },
    /// The question cannot be answered from these records.
    #[error("{0}")]
    Query(String),
    /// The drawing or the encoding library failed.
    #[error(transparent)]
    Draw(#[from] DrawError),
    /// The font compiled into this crate is broken.
    #[error(transparent)]
    Figure(#[from] FigureError),
}
