//! Tells whether a file has changed, without reading it.

use std::path::Path;
use std::time::SystemTime;

/// Version of a file: the time of its last change, its length, and where the system has it, its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    modified: SystemTime,
    bytes: u64,
    /// Number of the file, and the time of the last change of its content or its properties. A file that another one has replaced
    /// differs in these also if both were written at the same time.
    #[cfg(unix)]
    identity: (u64, i64, i64),
}

impl FileVersion {
    /// Returns the version of a file, or `None` if there is no such file.
    pub fn of(path: &Path) -> Option<Self> {
        let metadata = path.metadata().ok()?;
        Some(Self {
            modified: metadata.modified().ok()?,
            bytes: metadata.len(),
            #[cfg(unix)]
            identity: {
                use std::os::unix::fs::MetadataExt as _;
                (metadata.ino(), metadata.ctime(), metadata.ctime_nsec())
            },
        })
    }
}
