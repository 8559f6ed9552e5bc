//! Events while a data set is opened.

use std::path::PathBuf;

/// An event while a data set is opened, for callers that show progress and remarks.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DataEvent {
    /// A file exists already and has the right checksum.
    AlreadyPresent {
        /// Canonical name of the file.
        file: &'static str,
    },
    /// A download has started.
    DownloadStarted {
        /// Canonical name of the file.
        file: &'static str,
        /// Address of the download.
        url: String,
    },
    /// A download has received more bytes.
    DownloadAdvanced {
        /// Canonical name of the file.
        file: &'static str,
        /// Compressed bytes received so far.
        received: u64,
        /// Compressed bytes of the whole file, if the mirror announces them.
        total: Option<u64>,
    },
    /// A download is complete and has the right checksum.
    Downloaded {
        /// Canonical name of the file.
        file: &'static str,
        /// Compressed bytes received.
        bytes: u64,
    },
    /// A mirror failed or served another content. The next mirror is tried, if there is one.
    MirrorFailed {
        /// Canonical name of the file.
        file: &'static str,
        /// Address of the download.
        url: String,
        /// Cause of the failure.
        reason: String,
    },
    /// MNIST is not available. The built-in synthetic digits are used instead.
    SyntheticUsed {
        /// Reason why MNIST is not available.
        reason: String,
    },
    /// The files belong to a known data set with another name than the requested one.
    Recognised {
        /// Requested name, which records use.
        asked: String,
        /// Name of the known data set.
        known: &'static str,
    },
    /// The images are transposed in the files, as in EMNIST, and were turned upright.
    Transposed {
        /// Name of the data set.
        name: String,
    },
    /// The labels in the files begin at 1, and were lowered by one.
    LabelsFromOne {
        /// Largest label in the files, which is the number of classes.
        last: u8,
    },
    /// A file, folder or array is not used.
    Unused {
        /// Path of the file or folder, or `ARCHIVE::ARRAY`.
        path: PathBuf,
        /// Reason why it is not used.
        reason: String,
    },
}
