//! Errors of comparisons.

use std::path::PathBuf;

use crate::data::run_records::RunRecordsError;
use crate::data::sweep_table::SweepRecordsError;
use crate::data::voter::UnknownVoter;

/// Why two folders cannot be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CompareError {
    /// There is no such folder.
    #[error("{path} is not a folder; name the folder of a run or of a sweep, such as results/paper")]
    NoFolder {
        /// The path that was given.
        path: PathBuf,
    },
    /// The folder has no records.
    #[error(
        "{path} holds no run: neither accuracy.csv (a run) nor table.csv (a sweep) is in it; name the folder of a run or of a sweep, \
         such as results/paper"
    )]
    NoRun {
        /// The folder.
        path: PathBuf,
    },
    /// One folder holds a run, the other a sweep.
    #[error(
        "{first} is a {first_kind} and {second} a {second_kind}; name two runs or two sweeps; the folders in a sweep's `points` are runs"
    )]
    DifferentKinds {
        /// The first folder.
        first: PathBuf,
        /// `run` or `sweep`.
        first_kind: &'static str,
        /// The second folder.
        second: PathBuf,
        /// `run` or `sweep`.
        second_kind: &'static str,
    },
    /// A run's records cannot be read.
    #[error("cannot compare {path}")]
    Run {
        /// The folder.
        path: PathBuf,
        /// Why they cannot be read.
        source: RunRecordsError,
    },
    /// A sweep's table cannot be read.
    #[error(transparent)]
    Sweep(#[from] SweepRecordsError),
    /// A sweep's `run.json` is not JSON.
    #[error("cannot read {path}; repair or remove it")]
    RunFile {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: serde_json::Error,
    },
    /// A row names an unknown voter.
    #[error("cannot compare {path}; correct the row or evaluate the run again")]
    Voter {
        /// The file.
        path: PathBuf,
        /// The unknown name.
        source: UnknownVoter,
    },
    /// The folders have no accuracy of the same setting or point, seed and voter.
    #[error(
        "nothing is common to {first} and {second}: {first} has {first_places}; {second} has {second_places}"
    )]
    NothingCommon {
        /// The first folder.
        first: PathBuf,
        /// Settings or points of the first folder.
        first_places: String,
        /// The second folder.
        second: PathBuf,
        /// Settings or points of the second folder.
        second_places: String,
    },
    /// The sweeps have no axis in common.
    #[error("the sweeps have no axis in common: {first} has {first_axes}; {second} has {second_axes}")]
    NoCommonAxis {
        /// The first folder.
        first: PathBuf,
        /// Axes of the first sweep.
        first_axes: String,
        /// The second folder.
        second: PathBuf,
        /// Axes of the second sweep.
        second_axes: String,
    },
}
