//! Writes files that appear complete or not at all, and survive a power cut once they are written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Writes `bytes` to `NAME.partial` beside `path`, syncs it to disk, renames it to `path`, and syncs the folder. A reader
/// never sees an incomplete file, also if the process is stopped. The partial file is removed if writing fails.
///
/// # Errors
/// If the folder is missing or cannot be written to, or the disk is full.
pub fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = partial_path(path);
    let written = File::create(&partial)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_folder(path));
    if written.is_err() {
        // The first error is reported. The partial file may not exist.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Writes `bytes` like [`write()`] to a file that only its owner may read or write. Replaces a file that exists, whatever its
/// access rights.
///
/// The access rights hold from the first byte on. They are set on Unix only; elsewhere the file inherits those of its
/// folder.
///
/// # Errors
/// If the folder is missing or cannot be written to, or the disk is full.
pub fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = private_partial_path(path);
    let written = write_new_private(&partial, bytes)
        .and_then(|()| fs::rename(&partial, path))
        .and_then(|()| sync_folder(path));
    if written.is_err() {
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
    let partial = private_partial_path(path);
    let written = write_new_private(&partial, bytes)
        // Unlike a rename, a link fails if the name is taken.
        .and_then(|()| fs::hard_link(&partial, path));
    let _ = fs::remove_file(&partial);
    written.and_then(|()| sync_folder(path))
}

/// Syncs the folder that contains `path`. Without this, a power cut can bring back the file that was replaced.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
    // Other systems have no such operation.
    #[cfg(not(unix))]
    {
        let _ = path;
        Ok(())
    }
}

/// Writes `bytes` to a file that only its owner may read or write, and syncs it.
fn write_new_private(partial: &Path, bytes: &[u8]) -> io::Result<()> {
    // A file that was left over may have other access rights.
    let _ = fs::remove_file(partial);
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(partial)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Path under which a private file is written first. The process id keeps two processes from writing to the same one.
fn private_partial_path(path: &Path) -> PathBuf {
    let mut partial = path.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    partial.into()
}

/// Path under which a file or folder is written before it is renamed to `path`.
pub(crate) fn partial_path(path: &Path) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"first").unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write(&folder.path().join("missing/file"), b"").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_private_file_that_replaces_a_public_one_is_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"public").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        write_private(&path, b"secret").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(create_private(&path, b"other").is_err(), "it exists");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
