//! What can be wrong with weights on disk.

use std::path::PathBuf;

use crate::{EnsembleError, NetworkError};

/// An exported network that could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// A file or folder could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A JSON file is malformed; the source names line and column.
    #[error("{path} is not a valid manifest")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A manifest of another version of the format.
    #[error(
        "{path} has format {found}, but this version reads format {supported}; delete the ensemble's folder and export it again"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The format that is read.
        supported: u32,
    },
    /// A file is not listed in the manifest.
    #[error("{manifest} lists no file {file}")]
    MissingFile {
        /// The manifest.
        manifest: PathBuf,
        /// The file that every member has.
        file: String,
    },
    /// An ensemble lists a member that is not a plain folder name.
    #[error("{path} lists the member {found:?}, but a member must be the name of a folder beside it")]
    MemberName {
        /// The ensemble's index.
        path: PathBuf,
        /// The name.
        found: String,
    },
    /// A CSV file has too few or too many lines.
    #[error("{path} has {found} lines, but the architecture needs {needed}")]
    Lines {
        /// The file.
        path: PathBuf,
        /// Its lines.
        found: usize,
        /// Lines wanted.
        needed: usize,
    },
    /// A line of a CSV file has too few or too many values.
    #[error("{path}, line {line}: {found} values, but the architecture needs {needed}")]
    Values {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// Values on it.
        found: usize,
        /// Values wanted.
        needed: usize,
    },
    /// A value is not an integer of its type.
    #[error("{path}, line {line}, value {column}: {found:?} is not an integer in range")]
    NotInteger {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The value's number on the line, from 1.
        column: usize,
        /// What stands there.
        found: String,
    },
    /// A file is not the one that was exported.
    #[error(
        "{path} was altered after export: its SHA-256 is {found}, the manifest says {expected}; delete the \
         ensemble's folder and export it again"
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// Its checksum.
        found: String,
        /// The manifest's.
        expected: String,
    },
    /// A range in a manifest is not an integer.
    #[error("{path}: the observed range {found:?} is not an integer")]
    Observed {
        /// The manifest.
        path: PathBuf,
        /// What stands there.
        found: String,
    },
    /// The manifest's proven range is not that of the weights.
    #[error(
        "the ranges in {path} are not those of its weights; delete the ensemble's folder and export it again"
    )]
    Ranges {
        /// The manifest.
        path: PathBuf,
    },
    /// The parts make no network.
    #[error("{path} describes no valid network")]
    Network {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        source: NetworkError,
    },
    /// The members make no ensemble.
    #[error("the members in {folder} make no ensemble")]
    Ensemble {
        /// The ensemble's folder.
        folder: PathBuf,
        /// What is wrong.
        source: EnsembleError,
    },
}
