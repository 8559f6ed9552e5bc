//! Files that appear whole or not at all, and errors that name them.
//!
//! Files are not synced to disk, unlike those of `sottovoce_network::atomic_file`: after a power cut the benchmark is run again, and
//! syncing an upload takes longer than encrypting it.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Capacity of the buffer in front of a file in bytes: a ciphertext has some 100 kB.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes a file with `write`, which is given the output. The folder is made if it is missing. The file has another name until
/// it is complete.
///
/// # Errors
/// If `write` fails, or the file cannot be written.
pub fn write_with<T>(path: &Path, write: impl FnOnce(&mut BufWriter<File>) -> Result<T>) -> Result<T> {
    let name = || format!("cannot write {}", path.display());
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(name)?;
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written = File::create(&partial).with_context(name).and_then(|file| {
        let mut output = BufWriter::with_capacity(BUFFER_BYTES, file);
        let result = write(&mut output).with_context(name)?;
        output.flush().with_context(name)?;
        fs::rename(&partial, path).with_context(name)?;
        Ok(result)
    });
    if written.is_err() {
        // The first error is reported. The file may not exist.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Writes bytes to a file as [`write_with`] does.
///
/// # Errors
/// If the file cannot be written.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    write_with(path, |output| Ok(output.write_all(bytes)?))
}

/// Reads a file. `origin` is the stage that writes it, which the error names.
///
/// # Errors
/// If the file cannot be read.
pub fn read(path: &Path, origin: &str) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| unreadable(path, origin))
}

/// Opens a file for reading.
///
/// # Errors
/// If the file cannot be opened.
pub fn open(path: &Path, origin: &str) -> Result<File> {
    File::open(path).with_context(|| unreadable(path, origin))
}

fn unreadable(path: &Path, origin: &str) -> String {
    format!("cannot read {}, which {origin} writes", path.display())
}

/// Empties a folder of an earlier run's files, and makes it if it is missing.
///
/// # Errors
/// If a file cannot be removed, or the folder cannot be made.
pub fn clear_folder(folder: &Path) -> Result<()> {
    let name = || format!("cannot empty the folder {}", folder.display());
    fs::create_dir_all(folder).with_context(name)?;
    for entry in fs::read_dir(folder).with_context(name)? {
        fs::remove_file(entry.with_context(name)?.path()).with_context(name)?;
    }
    Ok(())
}
