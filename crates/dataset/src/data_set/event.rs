//! What happens while a data set is opened, for whoever shows progress.

use std::path::PathBuf;

/// A step on the way to a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataEvent {
    /// A file is there already and is right.
    AlreadyPresent {
        /// The file's canonical name.
        file: &'static str,
    },
    /// A download begins.
    DownloadStarted {
        /// The file's canonical name.
        file: &'static str,
        /// Where it comes from.
        url: String,
    },
    /// A download goes on.
    DownloadAdvanced {
        /// The file's canonical name.
        file: &'static str,
        /// Compressed bytes received so far.
        received: u64,
        /// Compressed bytes to come in all, where the mirror says so.
        total: Option<u64>,
    },
    /// A download is complete, and its checksum right.
    Downloaded {
        /// The file's canonical name.
        file: &'static str,
        /// Compressed bytes received.
        bytes: u64,
    },
    /// A mirror failed or served something else; the next one, if any, is tried.
    MirrorFailed {
        /// The file's canonical name.
        file: &'static str,
        /// Where it should have come from.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// The data set asked for cannot be had: the built-in synthetic digits take its place.
    SyntheticUsed {
        /// Why.
        reason: String,
    },
    /// The files are those of a data set with another name than the one that was asked for.
    Recognised {
        /// The name that was asked for, which records have.
        asked: String,
        /// The data set that the files belong to.
        known: &'static str,
    },
    /// The images are transposed in the files, as EMNIST's are, and were turned upright.
    Transposed {
        /// The data set's name.
        name: String,
    },
    /// The labels begin at 1 in the files, and were moved down by one.
    LabelsFromOne {
        /// The largest label in the files, which is the number of classes.
        last: u8,
    },
    /// A file, folder or array is there and is not used.
    Unused {
        /// The file or folder, or `ARCHIVE::ARRAY`.
        path: PathBuf,
        /// Why it is not used.
        reason: String,
    },
}
