//! Keras's `.keras`: a ZIP archive of `metadata.json`, `config.json` and `model.weights.h5`.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use crate::import::error::ImportError;

/// Largest unpacked size of an entry, as a multiple of the archive's size. Keras stores entries without compression.
const MAX_EXPANSION: u64 = 32;

/// Unpacked bytes that are always allowed, because a short `config.json` may shrink further.
const ALLOWED_BYTES: u64 = 1 << 20;

/// An archive that Keras wrote.
pub struct Archive<'a> {
    file: &'a str,
    most: u64,
    zip: ZipArchive<Cursor<&'a [u8]>>,
}

impl<'a> Archive<'a> {
    /// Returns whether the bytes begin as a ZIP archive does.
    pub fn recognises(bytes: &[u8]) -> bool {
        bytes.starts_with(b"PK\x03\x04")
    }

    /// Opens the archive in the bytes of a file, whose name in errors is `file`.
    ///
    /// # Errors
    /// If the bytes are no ZIP archive.
    pub fn open(file: &'a str, bytes: &'a [u8]) -> Result<Self, ImportError> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| ImportError::Malformed {
            file: file.to_owned(),
            reason: format!("it is not a Keras archive ({error})"),
        })?;
        let most = (bytes.len() as u64).saturating_mul(MAX_EXPANSION).max(ALLOWED_BYTES);
        Ok(Self { file, most, zip })
    }

    /// Reads an entry and verifies its checksum.
    ///
    /// # Errors
    /// If there is no such entry, it is damaged, or it unpacks to more than 32 times the archive's bytes (1 MiB is
    /// always allowed).
    pub fn entry(&mut self, name: &str) -> Result<Vec<u8>, ImportError> {
        let malformed = |reason: String| ImportError::Malformed { file: self.file.to_owned(), reason };
        let entry = self.zip.by_name(name).map_err(|error| {
            malformed(format!("its part {name} cannot be read ({error}); Keras writes config.json, metadata.json and model.weights.h5"))
        })?;
        let mut bytes = Vec::new();
        entry
            .take(self.most + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| malformed(format!("its part {name} is damaged ({error})")))?;
        if bytes.len() as u64 > self.most {
            return Err(malformed(format!("its part {name} unpacks to more than {} bytes", self.most)));
        }
        Ok(bytes)
    }
}
