//! Which files of a folder, and of the folders inside, may hold images.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::pictures::error::PictureError;

/// How the names end of files that are looked at.
const ENDINGS: [&str; 7] = [".png", ".jpg", ".jpeg", ".bmp", ".idx", "-ubyte", ".gz"];

/// How many folders may lie inside one another below the one that is named.
const MAX_DEPTH: usize = 8;

/// A file or folder that is left out, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// The file or folder.
    pub path: PathBuf,
    /// Why it is left out.
    pub reason: SkipReason,
}

/// Why a file or folder inside a folder is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The file is called like an image, but is none of a known kind.
    NoImage,
    /// A link to a folder, or to a file outside the folder that was named.
    Link,
    /// A folder inside too many others.
    TooDeep,
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoImage => "it is neither PNG, JPEG, BMP nor IDX",
            Self::Link => "it is a link to a folder, or to a file outside the folder that was named",
            Self::TooDeep => "it lies inside more than 8 folders",
        })
    }
}

/// What is inside a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files to look at, in the byte order of their names, folder by folder.
    pub(crate) candidates: Vec<PathBuf>,
    /// What is left out.
    pub(crate) skipped: Vec<SkippedFile>,
    /// The names of all files and folders directly inside, in byte order.
    pub(crate) names: Vec<String>,
}

/// Lists `folder` and the folders inside. Of a file that is there both plain and as `.gz`, the plain one is a
/// candidate. Links to folders are not followed, and those to files only within `folder`.
pub(crate) fn list(folder: &Path) -> Result<Listing, PictureError> {
    let mut listing = Listing::default();
    let root =
        folder.canonicalize().map_err(|source| PictureError::Unreadable { path: folder.into(), source })?;
    let names = add(&mut listing, folder, &root, 0)?;
    listing.names = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Ok(listing)
}

/// Adds the content of `folder`, whose names are returned in byte order.
fn add(
    listing: &mut Listing,
    folder: &Path,
    root: &Path,
    depth: usize,
) -> Result<Vec<OsString>, PictureError> {
    let unreadable = |source| PictureError::Unreadable { path: folder.into(), source };
    let mut names = folder
        .read_dir()
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(unreadable)?;
    names.sort_unstable();
    for name in &names {
        let path = folder.join(name);
        let Ok(kind) = fs::symlink_metadata(&path) else { continue };
        let mut skip = |reason| listing.skipped.push(SkippedFile { path: path.clone(), reason });
        if kind.is_dir() {
            // Hidden folders hold what other programs put there.
            match name.as_encoded_bytes().starts_with(b".") {
                true => {}
                false if depth == MAX_DEPTH => skip(SkipReason::TooDeep),
                false => {
                    add(listing, &path, root, depth + 1)?;
                }
            }
        } else if kind.is_symlink() && path.is_dir() {
            skip(SkipReason::Link);
        } else if looks_like_images(name) && !has_plain_file(name, &names) {
            let leads_out =
                kind.is_symlink() && !path.canonicalize().is_ok_and(|target| target.starts_with(root));
            if leads_out {
                skip(SkipReason::Link);
            } else if path.is_file() {
                // Not a pipe, which would be waited for.
                listing.candidates.push(path);
            }
        }
    }
    Ok(names)
}

fn looks_like_images(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes().to_ascii_lowercase();
    ENDINGS.iter().any(|ending| name.ends_with(ending.as_bytes())) && !name.starts_with(b".")
}

/// Whether `name` is that of a compressed file whose plain one looks like images as well and is among
/// `names`, which are sorted.
fn has_plain_file(name: &OsStr, names: &[OsString]) -> bool {
    let Some(plain) = name.to_str().and_then(|name| name.strip_suffix(".gz")).map(OsStr::new) else {
        return false;
    };
    looks_like_images(plain) && names.binary_search_by(|other| other.as_os_str().cmp(plain)).is_ok()
}
