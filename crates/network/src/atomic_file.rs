//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `NAME.partial` beside `path`, then renames it: a reader, or a run that is stopped
/// half-way, never sees half a file. The partial file goes away when writing fails.
///
/// # Errors
/// If the folder is missing or cannot be written to, or the disk is full.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial_path(path);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The first error is the one to report; there may be no partial file at all.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Writes `bytes` to a new file that only its owner may read or write, from its first byte on (on Unix; elsewhere it has
/// the rights of its folder). The file appears whole or not at all, and never in place of another.
///
/// # Errors
/// If there is something of that name already, or as [`write()`].
pub fn create_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Of this process alone: two that do the same at once shall not write to one file.
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = Path::new(&partial);
    // One that was left over may have other rights.
    let _ = fs::remove_file(partial);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options
        .open(partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        // Unlike a rename, this fails where the name is taken.
        .and_then(|()| fs::hard_link(partial, path));
    let _ = fs::remove_file(partial);
    written
}

/// Where a file or folder is made before it takes its name.
pub(crate) fn partial_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
