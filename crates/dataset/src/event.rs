//! What happens while a data set is opened, for whoever shows progress.

/// A step on the way to a data set.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A file is there already and is right.
    AlreadyThere {
        /// The file's canonical name.
        file: &'static str,
    },
    /// A download begins.
    Fetching {
        /// The file's canonical name.
        file: &'static str,
        /// Where it comes from.
        url: String,
    },
    /// A download goes on.
    Progress {
        /// The file's canonical name.
        file: &'static str,
        /// Compressed bytes received so far.
        received: u64,
        /// Compressed bytes to come in all, where the mirror says so.
        total: Option<u64>,
    },
    /// A download is complete, and its checksum right.
    Fetched {
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
    FellBack {
        /// Why.
        reason: String,
    },
}
