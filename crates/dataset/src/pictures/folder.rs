//! Lists the files of a folder, and of the folders inside, that may hold images.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::pictures::error::PictureError;

/// Endings of the names of files that may hold images.
const ENDINGS: [&str; 7] = [".png", ".jpg", ".jpeg", ".bmp", ".idx", "-ubyte", ".gz"];

/// Largest depth of folders below the named one.
const MAX_DEPTH: usize = 8;

/// A file or folder that is not read, and the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedFile {
    /// Path of the file or folder.
    pub path: PathBuf,
    /// Reason why it is not read.
    pub reason: SkipReason,
}

/// Reason why a file or folder inside a folder is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// The name of the file ends as that of an image, but the file is of an unknown kind.
    NoImage,
    /// The file is a link to a folder, or to a file outside the named folder.
    Link,
    /// The folder is inside more than 8 other folders.
    TooDeep,
}

impl std::fmt::Display for SkipReason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoImage => "it is neither PNG, JPEG, BMP nor IDX",
            Self::Link => "it is a link to a folder, or to a file outside the named folder",
            Self::TooDeep => "it is inside more than 8 folders",
        })
    }
}

/// Content of a folder.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Files that may hold images, in the byte order of their names, folder by folder.
    pub(crate) candidates: Vec<PathBuf>,
    /// Files and folders that are not read.
    pub(crate) skipped: Vec<SkippedFile>,
    /// Names of all files and folders directly inside, in byte order.
    pub(crate) names: Vec<String>,
}

/// Lists `folder` and the folders inside. If a file exists both plain and as `.gz`, only the plain one is a candidate.
/// Links to folders are not followed. Links to files are followed if the files are inside `folder`.
pub(crate) fn list(folder: &Path) -> Result<Listing, PictureError> {
    let mut listing = Listing::default();
    let root =
        folder.canonicalize().map_err(|source| PictureError::Unreadable { path: folder.into(), source })?;
    let names = add(&mut listing, folder, &root, 0)?;
    listing.names = names.iter().map(|name| name.to_string_lossy().into_owned()).collect();
    Ok(listing)
}

/// Adds the content of `folder` to `listing`. Returns the names directly inside in byte order.
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
            // Hidden folders belong to other programs.
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
                // A pipe is not a candidate, because opening it would wait.
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

/// Returns whether `name` is a compressed file whose plain file looks like images as well and is among `names`, which
/// are sorted.
fn has_plain_file(name: &OsStr, names: &[OsString]) -> bool {
    let Some(plain) = name.to_str().and_then(|name| name.strip_suffix(".gz")).map(OsStr::new) else {
        return false;
    };
    looks_like_images(plain) && names.binary_search_by(|other| other.as_os_str().cmp(plain)).is_ok()
}
