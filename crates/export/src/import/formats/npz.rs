//! NumPy's `.npz`: a ZIP archive of `.npy` files, stored or deflated.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use super::npy;
use super::tensor::Tensor;
use super::weights_file::WeightsFile;
use crate::import::error::ImportError;

/// Largest unpacked size of all arrays of an archive together, as a multiple of the archive's size. Compressed images
/// of digits in 64 bits, which are mostly zeros, unpack to about 20 times their size.
const MAX_GROWTH: u64 = 64;

/// Bytes that an archive may unpack to in addition, because weights of small archives may be mostly zeros.
const EXTRA_BYTES: u64 = 16 << 20;

/// Returns the names of the tensors in an archive.
///
/// # Errors
/// If the file is no archive.
pub fn names(file: &WeightsFile<'_>) -> Result<Vec<String>, ImportError> {
    let archive = open(file)?;
    let names =
        archive.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned));
    Ok(names.collect())
}

/// Reads the tensor `name` of an archive.
///
/// # Errors
/// If it cannot be unpacked, or is no array of numbers.
pub fn tensor(file: &WeightsFile<'_>, name: &str, origin: &str) -> Result<Tensor, ImportError> {
    let malformed = |reason: String| ImportError::Malformed { file: origin.to_owned(), reason };
    let mut archive = open(file)?;
    let entry = archive.by_name(&format!("{name}.npy")).map_err(|error| malformed(error.to_string()))?;
    let size = entry.size();
    let mut unpacked = Vec::new();
    // Reading past the end of the entry verifies its checksum.
    entry
        .take(size.saturating_add(1))
        .read_to_end(&mut unpacked)
        .map_err(|error| malformed(error.to_string()))?;
    if unpacked.len() as u64 != size {
        return Err(malformed(format!(
            "it unpacks to another number of bytes than the {size} that the archive claims"
        )));
    }
    npy::parse(origin, &|| format!("{}[{name:?}]", npy::load_expression(file.path)), &unpacked)
}

/// Opens the archive.
///
/// # Errors
/// If it is no archive, or its entries claim to unpack to more than 64 times its size and 16 MiB.
fn open<'a>(file: &WeightsFile<'a>) -> Result<ZipArchive<Cursor<&'a [u8]>>, ImportError> {
    let bytes = file.bytes;
    let malformed = |reason: String| ImportError::Malformed { file: file.name(), reason };
    let damaged = |error: ZipError| malformed(format!("it is not a NumPy archive ({error})"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(damaged)?;
    let mut unpacked = 0u64;
    for index in 0..archive.len() {
        unpacked = unpacked.saturating_add(archive.by_index_raw(index).map_err(damaged)?.size());
    }
    if unpacked > (bytes.len() as u64).saturating_mul(MAX_GROWTH).saturating_add(EXTRA_BYTES) {
        return Err(malformed(format!(
            "its arrays unpack to {unpacked} bytes, and at most {MAX_GROWTH} times its {} bytes and {} MiB are read; save them with \
             numpy.savez, which does not compress",
            bytes.len(),
            EXTRA_BYTES >> 20
        )));
    }
    Ok(archive)
}
