//! The ZIP archives that PyTorch writes, with bounds.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use serde::de::DeserializeOwned;
use zip::ZipArchive;
use zip::read::{ArchiveOffset, Config, ZipReadOptions};

use crate::import::error::ImportError;

/// All entries together unpack to at most so many times the file's size. PyTorch stores without compression, and weights
/// that were compressed later shrink little.
const MOST_GROWTH: u64 = 16;

/// Small archives may unpack to this many bytes more: their JSON shrinks a lot.
const ALLOWANCE: u64 = 1 << 20;

/// Largest JSON entry in bytes. That of a network of this family has 10 to 100 KiB.
const MAX_JSON_BYTES: u64 = 16 << 20;

/// An archive in memory. Its entries are named without the folder that they all lie in, which is the file's stem or
/// `archive`.
#[derive(Debug)]
pub struct Archive<'a> {
    file: String,
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// Index and unpacked size of every entry.
    entries: BTreeMap<String, (usize, u64)>,
}

impl<'a> Archive<'a> {
    /// Whether bytes begin as a ZIP archive does.
    pub fn is_one(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04")
    }

    /// The archive in `bytes`; `file` names it in errors.
    ///
    /// # Errors
    /// If it is none, or its entries claim to unpack to more than 16 times the file's size and 1 MiB.
    pub fn open(file: &str, bytes: &'a [u8]) -> Result<Self, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: file.to_owned(), reason };
        let damaged =
            |error: zip::result::ZipError| malformed(format!("it is a damaged ZIP archive ({error})"));
        // The offset is given because zip 9.8 guesses a wrong one where the directory's first header is as long as the ZIP64
        // records that PyTorch writes behind the directory, which is 76 bytes: for a state dict in a file whose stem has 21
        // characters.
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
        let most = (bytes.len() as u64).saturating_mul(MOST_GROWTH).saturating_add(ALLOWANCE);
        if unpacked > most {
            return Err(malformed(format!(
                "its entries claim to unpack to {unpacked} bytes, more than {MOST_GROWTH} times its {} bytes",
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

    /// The entries' names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Whether there is an entry of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.entries.contains_key(name)
    }

    /// The bytes of an entry, at most `most`. Its checksum is verified, unless it was saved without one.
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
        // `compute_crc32=False` writes zeros.
        let unchecked = zip.by_index_raw(index).map_err(|error| damaged(error.to_string()))?.crc32() == 0;
        let entry = zip
            .by_index_with_options(index, ZipReadOptions::new().ignore_crc32(unchecked))
            .map_err(|error| damaged(error.to_string()))?;
        let mut bytes = Vec::new();
        // The checksum is verified where the entry ends, which the byte behind the claimed size shows.
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
