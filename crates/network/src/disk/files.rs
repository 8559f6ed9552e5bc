//! Reading and writing a network's files and folders.

use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::atomic_file::{partial_path, sync_folder};
use crate::disk::error::DiskError;

/// Calls `fill` with an empty folder beside `folder`, then renames that folder to `folder`, replacing what is there.
pub(crate) fn replace_folder(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), DiskError>,
) -> Result<(), DiskError> {
    let partial = partial_path(folder);
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| DiskError::Write { path, source }
    };
    // An interrupted run may have left one.
    if partial.exists() {
        fs::remove_dir_all(&partial).map_err(at(&partial))?;
    }
    fs::create_dir_all(&partial).map_err(at(&partial))?;
    fill(&partial)?;
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(at(folder))?;
    }
    fs::rename(&partial, folder).and_then(|()| sync_folder(folder)).map_err(at(folder))
}

/// Writes a file, creates the folders above it, and flushes the file to disk.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
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

/// Reads a file of text.
pub(crate) fn read_text(path: &Path) -> Result<String, DiskError> {
    fs::read_to_string(path).map_err(|source| DiskError::Read { path: path.to_owned(), source })
}

/// Reads a JSON file.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, DiskError> {
    serde_json::from_str(&read_text(path)?)
        .map_err(|source| DiskError::Manifest { path: path.to_owned(), source })
}

/// Encodes a manifest. Manifests have only string keys and plain fields, so this cannot fail.
pub(crate) fn to_json<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Computes the SHA-256 of `bytes` in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Checks that `text`, the content of the file at `path`, has the SHA-256 `expected`.
pub(crate) fn check_sha256(path: &Path, text: &str, expected: &str) -> Result<(), DiskError> {
    let found = sha256(text.as_bytes());
    if found == expected {
        Ok(())
    } else {
        Err(DiskError::Altered { path: path.to_owned(), found, expected: expected.to_owned() })
    }
}
