//! Errors of reports.

use std::path::PathBuf;

use crate::content::charts::error::ChartError;
use crate::content::sweep_charts::error::SweepChartError;
use crate::data::run_facts::RunFactsError;
use crate::data::run_records::RunRecordsError;
use crate::data::sweep_table::SweepRecordsError;
use crate::data::voter::UnknownVoter;
use crate::drawing::error::DrawError;

/// Why a report was not written. Every file is written whole or not at all.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A run's records cannot be read.
    #[error(transparent)]
    Records(#[from] RunRecordsError),
    /// `run.json` exists but cannot be read.
    #[error(transparent)]
    Facts(#[from] RunFactsError),
    /// A sweep's records cannot be read.
    #[error(transparent)]
    SweepRecords(#[from] SweepRecordsError),
    /// A sweep's records cannot be drawn.
    #[error(transparent)]
    SweepChart(#[from] SweepChartError),
    /// There are no rows to draw.
    #[error("{path} has no rows; evaluate the run first")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// The rows of a file cannot be drawn.
    #[error("cannot draw the records in {path}")]
    Chart {
        /// The file with the rows.
        path: PathBuf,
        /// Why they cannot be drawn.
        source: ChartError,
    },
    /// A row names an unknown voter.
    #[error("cannot make a table of {path}; correct the row or evaluate the run again")]
    Voter {
        /// The file with the row.
        path: PathBuf,
        /// The unknown name.
        source: UnknownVoter,
    },
    /// The drawing or the encoding library failed.
    #[error("cannot draw {path}")]
    Draw {
        /// The file that was to be written.
        path: PathBuf,
        /// Why it could not be drawn.
        source: DrawError,
    },
    /// A file could not be written.
    #[error("cannot write {path}; check that there is space and that you may write to its folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why it could not be written.
        source: std::io::Error,
    },
}
