//! NumPy's `.npz`: a ZIP archive of `.npy` files, stored or deflated.

use std::io::{Cursor, Read as _};
use std::path::Path;

use zip::ZipArchive;

use super::tensor::Tensor;
use super::{ImportError, npy};

/// A tensor larger than this is refused: the largest block of a network is a gigabyte, and a short archive can
/// claim to hold far more.
const MOST_BYTES: u64 = 2 << 30;

/// The names of the tensors in an archive.
///
/// # Errors
/// If it is none.
pub fn names(path: &Path, bytes: &[u8]) -> Result<Vec<String>, ImportError> {
    let archive = open(path, bytes)?;
    let names =
        archive.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned));
    Ok(names.collect())
}

/// The tensor `name` of an archive, which must be there.
///
/// # Errors
/// If it cannot be unpacked, or is not an array of numbers.
pub fn parse(path: &Path, bytes: &[u8], name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
    let mut archive = open(path, bytes)?;
    let file = archive.by_name(&format!("{name}.npy")).map_err(|error| malformed(error.to_string()))?;
    let mut unpacked = Vec::new();
    // The archive's checksum is verified on the way.
    file.take(MOST_BYTES + 1).read_to_end(&mut unpacked).map_err(|error| malformed(error.to_string()))?;
    if unpacked.len() as u64 > MOST_BYTES {
        return Err(malformed(format!("it holds more than {} GiB", MOST_BYTES >> 30)));
    }
    npy::parse(origin, &unpacked)
}

fn open<'a>(path: &Path, bytes: &'a [u8]) -> Result<ZipArchive<Cursor<&'a [u8]>>, ImportError> {
    ZipArchive::new(Cursor::new(bytes)).map_err(|error| ImportError::Malformed {
        file: path.display().to_string(),
        reason: format!("it is no NumPy archive ({error})"),
    })
}
