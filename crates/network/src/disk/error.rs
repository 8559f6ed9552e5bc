//! Errors of reading and writing weights.

use std::path::PathBuf;

use crate::ensemble::EnsembleError;
use crate::integer_network::NetworkError;

/// Error of writing or reading an exported ensemble.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// A file or folder could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Cause of the failure.
        source: std::io::Error,
    },
    /// A JSON file is malformed. The source names the line and column.
    #[error("{path} is not a valid manifest")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Error with line and column.
        source: serde_json::Error,
    },
    /// A manifest of another version of the format.
    #[error(
        "{path} has format {found}, but this version reads format {supported}; delete the ensemble's folder and export it again"
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// Format of the file.
        found: u32,
        /// Format that this version reads.
        supported: u32,
    },
    /// A file is not listed in the manifest.
    #[error("{manifest} lists no file {file}")]
    MissingFile {
        /// The manifest.
        manifest: PathBuf,
        /// The missing file.
        file: String,
    },
    /// An ensemble lists a member that is not a plain folder name.
    #[error("{path} lists the member {found:?}, but a member must be the name of a folder beside it")]
    MemberName {
        /// The ensemble's index.
        path: PathBuf,
        /// Name of the member.
        found: String,
    },
    /// A CSV file has too few or too many lines.
    #[error("{path} has {found} lines, but the architecture needs {needed}")]
    Lines {
        /// The file.
        path: PathBuf,
        /// Number of lines in the file.
        found: usize,
        /// Number of lines needed.
        needed: usize,
    },
    /// A line of a CSV file has too few or too many values.
    #[error("{path}, line {line}: {found} values, but the architecture needs {needed}")]
    Values {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Number of values on the line.
        found: usize,
        /// Number of values needed.
        needed: usize,
    },
    /// A value is not an integer of its type.
    #[error("{path}, line {line}, value {column}: {found:?} is not an integer in range")]
    NotInteger {
        /// The file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
        /// Number of the value on the line, from 1.
        column: usize,
        /// Text of the value.
        found: String,
    },
    /// A file was changed after export.
    #[error(
        "{path} was altered after export: its SHA-256 is {found}, the manifest says {expected}; delete the \
         ensemble's folder and export it again"
    )]
    Altered {
        /// The file.
        path: PathBuf,
        /// SHA-256 of the file.
        found: String,
        /// SHA-256 in the manifest.
        expected: String,
    },
    /// An observed range in a manifest is not an integer.
    #[error("{path}: the observed range {found:?} is not an integer")]
    Observed {
        /// The manifest.
        path: PathBuf,
        /// Text of the value.
        found: String,
    },
    /// The proven range in a manifest differs from the one of the weights.
    #[error(
        "the ranges in {path} differ from those of its weights; delete the ensemble's folder and export it again"
    )]
    Ranges {
        /// The manifest.
        path: PathBuf,
    },
    /// The weights make no network.
    #[error("{path} describes no valid network")]
    Network {
        /// The manifest.
        path: PathBuf,
        /// Cause of the failure.
        source: NetworkError,
    },
    /// The members make no ensemble.
    #[error("the members in {folder} make no ensemble")]
    Ensemble {
        /// The ensemble's folder.
        folder: PathBuf,
        /// Cause of the failure.
        source: EnsembleError,
    },
}
