//! Values as JSON in files, and their fingerprints.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;
use sottovoce_network::disk::sha256;

use crate::files;

/// Writes `value` as JSON, like [`files::write()`].
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("cannot encode a record as JSON")?;
    text.push('\n');
    files::write(path, text.as_bytes())
}

/// The SHA-256 of `value` as JSON, in hexadecimal.
///
/// A fingerprint of all inputs of a file shows if the file must be made again; a fingerprint of a file's contents shows
/// if they were altered.
pub fn fingerprint(value: &impl Serialize) -> Result<String> {
    Ok(sha256(&serde_json::to_vec(value).context("cannot encode a stage's inputs")?))
}
