//! ZIP archives that PyTorch writes, with bounds.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde::de::DeserializeOwned;
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config, ZipReadOptions};

use crate::import::error::ImportError;

/// Largest unpacked size of all entries, as a multiple of the file's size. PyTorch does not compress, and weights
/// that were compressed later shrink little.
const MAX_GROWTH: u64 = 16;

/// Bytes that an archive may unpack to in addition, because JSON in small archives shrinks a lot.
const EXTRA_BYTES: u64 = 1 << 20;

/// Largest JSON entry in bytes. That of a network of this family has 10 to 100 KiB.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// An archive in memory. The names of its entries do not contain the folder of all entries, which is the file's stem
/// or `archive`.
#[derive(Debug)]
pub struct Archive<'a> {
    file: String,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Index and unpacked size of every entry.
    entries: BTreeMap<String, (usize, u64)>,
}

impl<'a> Archive<'a> {
    /// Returns whether the bytes begin as a ZIP archive does.
    pub fn is_archive(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04")
    }

    /// Opens the archive in `bytes`; `file` is its name in errors.
    ///
    /// # Errors
    /// If the bytes are no archive, or its entries claim to unpack to more than 16 times the file's size and 1 MiB.
    pub fn open(file: &str, bytes: &'a [u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let damaged =
            |error: zip::result::ZipError| malformed(format!("it is a damaged ZIP archive ({error})"));
        // The offset is given because zip 9.8 detects a wrong one if the directory's first header is as long as the
        // ZIP64 records that PyTorch writes after the directory. These have 76 bytes, as the header of a state dict
        // in a file whose stem has 21 characters.
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let mut zip = ZipArchive::with_config(config, Cursor::new(bytes)).map_err(damaged)?;
        let mut found = Vec::with_capacity(zip.len());
        let mut unpacked = 0u64;
        for index in 0..zip.len() {
            let entry = zip.by_index_raw(index).map_err(damaged)?;
            unpacked = unpacked.saturating_add(entry.size());
            let name = entry.name().map_err(damaged)?.into_owned();
            found.push((name, (index, entry.size())));
        }
        let most = (bytes.len() as u64).saturating_mul(MAX_GROWTH).saturating_add(EXTRA_BYTES);
        if unpacked > most {
            return Err(malformed(format!(
                "its entries claim to unpack to {unpacked} bytes, more than {MAX_GROWTH} times its {} bytes",
                bytes.len()
            )));
        }
        let folder = found
            .first()
            .and_then(|(name, _)| name.split_inclusive('/').next())
            .unwrap_or_default()
            .to_owned();
        let common = folder.ends_with('/') && found.iter().all(|(name, _)| name.starts_with(&folder));
        let skipped = if common { folder.len() } else { 0 };
        let entries = found
            .into_iter()
            .map(|(name, place)| (name.get(skipped..).unwrap_or_default().to_owned(), place));
        Ok(Self { file: file.to_owned(), zip, entries: entries.collect() })
    }

    /// Returns the entries' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Returns whether there is an entry of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// Reads an entry of at most `max_bytes` bytes. Verifies its checksum, unless it was saved without one.
    ///
    /// # Errors
    /// If there is no such entry, it is larger, or it is damaged.
    pub fn read(&mut self, name: &str, most: u64) -> Result<Vec<u8>, ImportError> {
        let file = &self.file;
        let malformed = |reason: String| ImportError::Malformed { file: file.clone(), reason };
        let Some(&(index, size)) = self.entries.get(name) else {
            return Err(malformed(format!("it has no entry {name:?}")));
        };
        if size > most {
            return Err(malformed(format!("its entry {name:?} has {size} bytes, at most {most} are read")));
        }
        let damaged = |error: String| malformed(format!("its entry {name:?} is damaged ({error})"));
        let zip = &mut self.zip;
        // PyTorch's `compute_crc32=False` writes zeros.
        let unchecked = zip.by_index_raw(index).map_err(|error| damaged(error.to_string()))?.crc32() == 0;
        let entry = zip
            .by_index_with_options(index, ZipReadOptions::new().ignore_crc32(unchecked))
            .map_err(|error| damaged(error.to_string()))?;
        let mut bytes = Vec::new();
        // Reading one byte past the claimed size verifies the checksum.
        entry
            .take(size.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|error| damaged(error.to_string()))?;
        if bytes.len() as u64 != size {
            return Err(damaged(format!(
                "it unpacks to another number of bytes than the {size} that it claims"
            )));
        }
        Ok(bytes)
    }

    /// Reads an entry as JSON.
    ///
    /// # Errors
    /// If the entry is missing or too large, or is not JSON of this type.
    pub fn read_json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, ImportError> {
        let bytes = self.read(name, MAX_JSON_BYTES)?;
        serde_json::from_slice(&bytes).map_err(|error| ImportError::Malformed {
            file: self.file.clone(),
            reason: format!("its entry {name:?} is not as PyTorch writes it ({error})"),
        })
    }
}
