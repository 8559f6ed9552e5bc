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
    write_to(path, bytes, |partial| File::create(partial))
}

/// The same for a file that only its owner may read or write, from its first byte on (on Unix; elsewhere it has the rights
/// of its folder).
///
/// # Errors
/// As [`write`].
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_to(path, bytes, |partial| {
        // One that was left over may have other rights.
        match fs::remove_file(partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = File::options();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(partial)
    })
}

fn write_to(path: &Path, bytes: &[u8], create: impl Fn(&Path) -> io::Result<File>) -> io::Result<()> {
    let partial = partial_path(path);
    let written = create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // The first error is the one to report; there may be no partial file at all.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Where a file or folder is made before it takes its name.
pub(crate) fn partial_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}
