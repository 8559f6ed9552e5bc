//! The file of a revocation list, which the authority replaces.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::error::{RevocationListError, TlsError};
use super::pem_files::read_bounded;
use super::revocation_list::RevocationList;
use super::root_certificate::RootCertificate;

/// Maximum length of the file in bytes: a few hundred thousand revoked certificates.
const MAX_BYTES: u64 = 1 << 24;

/// A revocation list, and the file from which it was read.
#[derive(Debug)]
pub struct RevocationFile {
    path: PathBuf,
    root: RootCertificate,
    list: RevocationList,
    /// Version of the file from which the list was read.
    version: FileVersion,
    /// Version of the file that was refused last. A refused file is not read again before it changes.
    refused: Option<FileVersion>,
}

/// Version of a file: the time of its last change, and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion(SystemTime, u64);

impl RevocationFile {
    /// Reads the file.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no list that `root` has signed.
    pub fn read(path: &Path, root: &RootCertificate) -> Result<Self, TlsError> {
        // The version is read first. If the file changes while it is read, it is read once more.
        let version = version(path)?;
        Ok(Self { path: path.into(), root: root.clone(), list: read(path, root)?, version, refused: None })
    }

    /// Reads the file again if it has changed. Returns whether there is a new list. An unchanged file costs one look at its
    /// metadata.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no list that the root has signed, or an older list. The list before it stays in
    /// use. A file is refused once: later calls return `false` until it changes again.
    pub fn refresh(&mut self) -> Result<bool, TlsError> {
        let version = version(&self.path)?;
        if version == self.version {
            self.refused = None;
            return Ok(false);
        }
        if self.refused.as_ref() == Some(&version) {
            return Ok(false);
        }
        self.refused = Some(version.clone());
        let list = read(&self.path, &self.root)?;
        if list.is_older_than(&self.list) {
            return Err(TlsError::RevocationList {
                path: self.path.clone(),
                source: RevocationListError::Older,
            });
        }
        self.list = list;
        self.version = version;
        self.refused = None;
        Ok(true)
    }

    /// Returns whether the current file was refused.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.refused.is_some()
    }

    /// Returns the list in use.
    #[must_use]
    pub fn list(&self) -> &RevocationList {
        &self.list
    }
}

fn version(path: &Path) -> Result<FileVersion, TlsError> {
    let metadata = path.metadata();
    let version = metadata.and_then(|metadata| Ok(FileVersion(metadata.modified()?, metadata.len())));
    version.map_err(|source| TlsError::Read { path: path.into(), source })
}

fn read(path: &Path, root: &RootCertificate) -> Result<RevocationList, TlsError> {
    let pem = read_bounded(path, MAX_BYTES)?;
    RevocationList::from_pem(&pem, root)
        .map_err(|source| TlsError::RevocationList { path: path.into(), source })
}
