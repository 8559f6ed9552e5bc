//! Files that appear whole or not at all.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sottovoce_network::atomic_file;

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

/// Refuses to write a result over the file `path`, unless `replace` is set.
pub fn check_replaceable(path: &Path, replace: bool) -> Result<()> {
    // A link to a missing file is refused as well.
    if replace || path.symlink_metadata().is_err() {
        return Ok(());
    }
    bail!("{} exists; choose another file with --out, or overwrite it with --replace", path.display())
}
