//! Writes files that appear complete or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `NAME.partial` beside `path`, syncs it to disk, and renames it to `path`. A reader never sees an
/// incomplete file, also if the process is stopped. The partial file is removed if writing fails.
///
/// # Errors
/// If the folder is missing or cannot be written to, or the disk is full.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial_path(path);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The first error is reported. The partial file may not exist.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Writes `bytes` to a new file that only its owner may read or write. The file appears complete or not at all, and never
/// replaces another one.
///
/// The access rights hold from the first byte on. They are set on Unix only; elsewhere the file inherits those of its
/// folder.
///
/// # Errors
/// If `path` exists already, the folder is missing or cannot be written to, or the disk is full.
pub fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The process id keeps two processes from writing to the same partial file.
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = Path::new(&partial);
    // A file that was left over may have other access rights.
    let _ = fs::remove_file(partial);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        // Unlike a rename, a link fails if the name is taken.
        .and_then(|()| fs::hard_link(partial, path));
    let _ = fs::remove_file(partial);
    written
}

/// Path under which a file or folder is written before it is renamed to `path`.
pub(crate) fn partial_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
