//! Reading and writing a network's files and folders.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::DiskError;
use crate::atomic_file::partial_path;

/// Calls `fill` with an empty folder beside `folder`, then puts it in `folder`'s place.
pub fn replace_folder(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let partial = partial_path(folder);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| DiskError::Write { path, source }
    };
    // Left over from an interrupted run.
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(at(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(at(&partial))?;
    fill(&partial)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    fs::rename(&partial, folder).map_err(at(folder))
}

/// Writes a file, with the folders above it, and flushes it to disk.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let write = || {
        use std::io::Write as _;
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|source| DiskError::Write { path: path.to_owned(), source })
}

pub fn read_text(path: &Path) -> Result<String, DiskError> {
    fs::read_to_string(path).map_err(|source| DiskError::Read { path: path.to_owned(), source })
}

pub fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DiskError> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|source| DiskError::Manifest { path: path.to_owned(), source })
}

/// Manifests have string keys and plain fields alone, so encoding one cannot fail.
pub fn to_json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
