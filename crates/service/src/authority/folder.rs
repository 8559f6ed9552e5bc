//! The files of an authority.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData as _};
use sottovoce_network::access_rights::check_private_folder;
use sottovoce_network::atomic_file;
use time::OffsetDateTime;

use super::error::AuthorityError;
use super::ledger::{self, IssuedCertificate};
use crate::tls::error::TlsError;
use crate::tls::pem_files::{read_bounded, read_private_key, write_private_key};
use crate::tls::root_certificate::RootCertificate;
use crate::tls::serial_number::SerialNumber;

/// Maximum length of a list in bytes: a few hundred thousand certificates.
const MAX_LIST_BYTES: u64 = 1 << 26;

/// Folder of an authority.
pub struct AuthorityFolder(PathBuf);

impl AuthorityFolder {
    /// Creates an empty folder that only its owner can use.
    pub fn create(path: &Path) -> Result<Self, AuthorityError> {
        let unwritable = |source| AuthorityError::Write { path: path.into(), source };
        let folder = Self(path.into());
        if folder.root_path().exists() {
            return Err(AuthorityError::Exists { folder: path.into() });
        }
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).map_err(unwritable)?;
        if fs::read_dir(path).map_err(unwritable)?.next().is_some() {
            return Err(AuthorityError::NotEmpty { folder: path.into() });
        }
        // The folder may have existed with other permissions.
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(unwritable)?;
        Ok(folder)
    }

    /// Opens the folder of an existing authority.
    pub fn open(path: &Path) -> Result<Self, AuthorityError> {
        let folder = Self(path.into());
        if !folder.root_path().is_file() {
            return Err(AuthorityError::Missing { folder: path.into() });
        }
        check_private_folder(path).map_err(TlsError::from)?;
        Ok(folder)
    }

    pub fn root_path(&self) -> PathBuf {
        self.0.join("root.pem")
    }

    fn key_path(&self) -> PathBuf {
        self.0.join("root.key.pem")
    }

    fn issued_path(&self) -> PathBuf {
        self.0.join("issued.csv")
    }

    fn revoked_path(&self) -> PathBuf {
        self.0.join("revoked.csv")
    }

    pub fn revocation_list_path(&self) -> PathBuf {
        self.0.join("revoked.pem")
    }

    /// Locks the folder against changes by other programs until the result is dropped.
    pub fn lock(&self) -> Result<File, AuthorityError> {
        // The key is the only file that is never replaced.
        let path = self.key_path();
        let file = File::open(&path).and_then(|file| file.lock().map(|()| file));
        file.map_err(|source| AuthorityError::Lock { path, source })
    }

    pub fn write_key(&self, pem: &str) -> Result<(), AuthorityError> {
        let path = self.key_path();
        write_private_key(&path, pem).map_err(|source| AuthorityError::Write { path, source })
    }

    pub fn write_root(&self, pem: &str) -> Result<(), AuthorityError> {
        write(self.root_path(), pem)
    }

    /// Reads the authority's certificate and private key.
    pub fn read_root(&self) -> Result<(RootCertificate, KeyPair), AuthorityError> {
        let (root_path, key_path) = (self.root_path(), self.key_path());
        let root = RootCertificate::read(&root_path)?;
        let key = KeyPair::try_from(&read_private_key(&key_path)?)
            .map_err(|source| AuthorityError::Key { path: key_path.clone(), source })?;
        if root.public_key_info() != key.subject_public_key_info() {
            return Err(TlsError::KeyMismatch { certificate: root_path, private_key: key_path }.into());
        }
        Ok((root, key))
    }

    pub fn write_issued(&self, all: &[IssuedCertificate]) -> Result<(), AuthorityError> {
        write(self.issued_path(), &ledger::write_issued(all)?)
    }

    pub fn write_revoked(&self, all: &[IssuedCertificate]) -> Result<(), AuthorityError> {
        write(self.revoked_path(), &ledger::write_revoked(all)?)
    }

    pub fn write_revocation_list(&self, pem: &str) -> Result<(), AuthorityError> {
        write(self.revocation_list_path(), pem)
    }

    /// Reads all certificates and their revocations.
    pub fn read_issued(&self) -> Result<Vec<IssuedCertificate>, AuthorityError> {
        let mut all = read(self.issued_path(), ledger::read_issued)?;
        let revoked: Vec<(SerialNumber, OffsetDateTime)> = read(self.revoked_path(), ledger::read_revoked)?;
        let mut revoked: HashMap<_, _> = revoked.into_iter().collect();
        for issued in &mut all {
            issued.revoked = revoked.remove(&issued.serial_number);
        }
        // A revoked certificate that was not issued would be missing from the next revocation list.
        if let Some(serial_number) = revoked.into_keys().next() {
            return Err(AuthorityError::NotIssued { path: self.revoked_path(), serial_number });
        }
        Ok(all)
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), AuthorityError> {
    atomic_file::write(&path, text.as_bytes()).map_err(|source| AuthorityError::Write { path, source })
}

fn read<T>(path: PathBuf, rows: impl Fn(&str) -> Result<Vec<T>, usize>) -> Result<Vec<T>, AuthorityError> {
    let text = String::from_utf8(read_bounded(&path, MAX_LIST_BYTES)?).map_err(|_| TlsError::Read {
        path: path.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"),
    })?;
    rows(&text).map_err(|line| AuthorityError::Line { path, line })
}
