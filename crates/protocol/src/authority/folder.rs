//! The authority's files.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::path::{Path, PathBuf};

use rcgen::{KeyPair, PublicKeyData as _};
use sottovoce_network::atomic_file;
use time::OffsetDateTime;

use super::{AuthorityError, Issued, ledger};
use crate::tls::{Root, Serial, TlsError, read_bounded, read_private_key, write_private_key};

/// Room for some hundred thousand certificates.
const MOST_BYTES: u64 = 1 << 26;

/// An authority's folder.
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A folder that is its owner's alone, and empty.
    pub(super) fn create(path: &Path) -> Result<Self, AuthorityError> {
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
        // It may have been there before.
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(unwritable)?;
        Ok(folder)
    }

    /// A folder with an authority in it.
    pub(super) fn open(path: &Path) -> Result<Self, AuthorityError> {
        let folder = Self(path.into());
        if folder.root_path().is_file() {
            Ok(folder)
        } else {
            Err(AuthorityError::Missing { folder: path.into() })
        }
    }

    pub(super) fn root_path(&self) -> PathBuf {
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

    pub(super) fn revocation_list_path(&self) -> PathBuf {
        self.0.join("revoked.pem")
    }

    /// Keeps other programs from changing the folder until what is returned is dropped.
    pub(super) fn lock(&self) -> Result<File, AuthorityError> {
        // The one file that is never replaced.
        let path = self.key_path();
        let locked = File::open(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|source| AuthorityError::Lock { path, source })
    }

    pub(super) fn write_key(&self, pem: &str) -> Result<(), AuthorityError> {
        let path = self.key_path();
        write_private_key(&path, pem).map_err(|source| AuthorityError::Write { path, source })
    }

    pub(super) fn write_root(&self, pem: &str) -> Result<(), AuthorityError> {
        write(self.root_path(), pem)
    }

    /// The authority's certificate and its key.
    pub(super) fn read_root(&self) -> Result<(Root, KeyPair), AuthorityError> {
        let (root_path, key_path) = (self.root_path(), self.key_path());
        let root = Root::read(&root_path)?;
        let key = KeyPair::try_from(&read_private_key(&key_path)?)
            .map_err(|source| AuthorityError::Key { path: key_path.clone(), source })?;
        if root.public_key_info() != key.subject_public_key_info() {
            return Err(TlsError::KeyMismatch { certificate: root_path, private_key: key_path }.into());
        }
        Ok((root, key))
    }

    pub(super) fn write_issued(&self, all: &[Issued]) -> Result<(), AuthorityError> {
        write(self.issued_path(), &ledger::write_issued(all)?)
    }

    pub(super) fn write_revoked(&self, all: &[Issued]) -> Result<(), AuthorityError> {
        write(self.revoked_path(), &ledger::write_revoked(all)?)
    }

    pub(super) fn write_revocation_list(&self, pem: &str) -> Result<(), AuthorityError> {
        write(self.revocation_list_path(), pem)
    }

    /// All certificates, with what is known of their revocation.
    pub(super) fn read_issued(&self) -> Result<Vec<Issued>, AuthorityError> {
        let mut all = read(self.issued_path(), ledger::read_issued)?;
        let revoked: Vec<(Serial, OffsetDateTime)> = read(self.revoked_path(), ledger::read_revoked)?;
        let mut revoked: HashMap<_, _> = revoked.into_iter().collect();
        for issued in &mut all {
            issued.revoked = revoked.remove(&issued.serial);
        }
        // Or they would be good again with the next list.
        if let Some(serial) = revoked.into_keys().next() {
            return Err(AuthorityError::NotIssued { path: self.revoked_path(), serial });
        }
        Ok(all)
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), AuthorityError> {
    atomic_file::write(&path, text.as_bytes()).map_err(|source| AuthorityError::Write { path, source })
}

fn read<T>(path: PathBuf, rows: impl Fn(&str) -> Result<Vec<T>, usize>) -> Result<Vec<T>, AuthorityError> {
    let text = String::from_utf8(read_bounded(&path, MOST_BYTES)?).map_err(|_| TlsError::Read {
        path: path.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"),
    })?;
    rows(&text).map_err(|line| AuthorityError::Line { path, line })
}
