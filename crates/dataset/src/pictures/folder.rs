//! Which files of a folder may hold images.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};

use super::error::PictureError;

/// How the names end of files that are looked at.
const ENDINGS: [&str; 4] = [".png", ".idx", "-ubyte", ".gz"];

/// What is directly inside a folder.
#[derive(Debug)]
pub(super) struct Listing {
    /// Files to look at, in the byte order of their names.
    pub(super) candidates: Vec<PathBuf>,
    /// The names of all files and folders inside, in the same order.
    pub(super) names: Vec<String>,
}

/// Lists `folder`. Of a file that is there both plain and as `.gz`, the plain one is a candidate.
pub(super) fn list(folder: &Path) -> Result<Listing, PictureError> {
    let unreadable = |source| PictureError::Unreadable { path: folder.into(), source };
    let entries = folder.read_dir().map_err(unreadable)?;
    let mut names = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    names.sort_unstable();

    let candidates = names
        .iter()
        .filter(|name| looks_like_images(name) && !has_plain_file(name, &names))
        .map(|name| folder.join(name))
        // Neither folders nor pipes, which would be waited for.
        .filter(|path| path.is_file())
        .collect();
    let names = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Ok(Listing { candidates, names })
}

fn looks_like_images(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes()))
}

/// Whether `name` is that of a compressed file whose plain one looks like images as well and is among
/// `names`, which are sorted.
fn has_plain_file(name: &OsStr, names: &[OsString]) -> bool {
    let Some(plain) = name.to_str().and_then(|name| name.strip_suffix(".gz")).map(OsStr::new) else {
        return false;
    };
    looks_like_images(plain) && names.binary_search_by(|other| other.as_os_str().cmp(plain)).is_ok()
}
