//! Files that appear whole or not at all, and fingerprints of their contents.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use sottovoce_network::atomic_file;
use sottovoce_network::disk::sha256;

/// Writes a file and creates the folders above it. The file appears whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| atomic_file::write(path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes a file like [`write()`], which only its owner may read or write, from the first byte on.
pub fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| atomic_file::write_private(path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Writes `value` as JSON, like [`write()`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("cannot encode a record as JSON")?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Refuses to write a result over the file `path`, unless `replace` is set.
pub fn check_replaceable(path: &Path, replace: bool) -> Result<()> {
    // A link to a missing file is refused as well.
    if replace || path.symlink_metadata().is_err() {
        return Ok(());
    }
    bail!("{} exists; choose another file with --out, or overwrite it with --replace", path.display())
}

/// The SHA-256 of `value` as JSON, in hexadecimal.
///
/// A fingerprint of all inputs of a file shows if the file must be made again; a fingerprint of a file's contents shows
/// if they were altered.
pub fn fingerprint(value: &impl Serialize) -> Result<String> {
    Ok(sha256(&serde_json::to_vec(value).context("cannot encode a stage's inputs")?))
}
