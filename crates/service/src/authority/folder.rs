//! The files of an authority.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sottovoce_network::access_rights::{check_private_folder, create_private_folder};
use sottovoce_network::atomic_file;

use super::error::AuthorityError;
use super::key_file::to_pem;
use super::ledger::Ledger;
use super::signed_list::{self, SignedList};
use crate::tls::certificate::Certificate;
use crate::tls::error::TlsError;
use crate::tls::pem_files::{read_bounded, read_certificates};
use crate::tls::revocation_bundle::MAX_BUNDLE_BYTES;
use crate::tls::serial_number::SerialNumber;

/// Maximum length of a file of the ledger in bytes: a few hundred thousand certificates.
const MAX_LEDGER_BYTES: u64 = 1 << 26;

/// Folder of an authority.
pub struct AuthorityFolder(PathBuf);

impl AuthorityFolder {
    /// Creates an empty folder that only its owner can use.
    pub fn create(path: &Path) -> Result<Self, AuthorityError> {
        Self::check_new(path)?;
        let unwritable = |source| AuthorityError::Write { path: path.into(), source };
        create_private_folder(path).map_err(unwritable)?;
        // The folder may have existed with other permissions.
        #[cfg(unix)]
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700)).map_err(unwritable)?;
        Ok(Self(path.into()))
    }

    /// Checks that a path is free for a new authority: it does not exist, or is an empty folder.
    pub fn check_new(path: &Path) -> Result<(), AuthorityError> {
        let folder = Self(path.into());
        if folder.root_path().exists() {
            return Err(AuthorityError::Exists { folder: path.into() });
        }
        if !path.exists() {
            return Ok(());
        }
        if !path.is_dir() {
            return Err(AuthorityError::NotAFolder { path: path.into() });
        }
        if folder.root_key_path().exists() {
            return Err(AuthorityError::Unfinished { folder: path.into() });
        }
        let entries = fs::read_dir(path);
        match entries.map_err(|source| AuthorityError::Write { path: path.into(), source })?.next() {
            Some(_) => Err(AuthorityError::NotEmpty { folder: path.into() }),
            None => Ok(()),
        }
    }

    /// Opens the folder of an existing authority.
    pub fn open(path: &Path) -> Result<Self, AuthorityError> {
        let folder = Self(path.into());
        if path.exists() && !path.is_dir() {
            return Err(AuthorityError::NotAFolder { path: path.into() });
        }
        match fs::metadata(folder.root_path()) {
            Ok(root) if root.is_file() => {}
            // The file may exist, and be hidden from this user.
            Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
                return Err(TlsError::Read { path: folder.root_path(), source }.into());
            }
            _ if folder.root_key_path().exists() => {
                return Err(AuthorityError::Unfinished { folder: path.into() });
            }
            _ => return Err(AuthorityError::Missing { folder: path.into() }),
        }
        check_private_folder(path).map_err(TlsError::from)?;
        Ok(folder)
    }

    pub fn root_path(&self) -> PathBuf {
        self.0.join("root.pem")
    }

    pub fn root_key_path(&self) -> PathBuf {
        self.0.join("root.key.pem")
    }

    pub fn issuer_key_path(&self) -> PathBuf {
        self.0.join("issuer.key.pem")
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

    fn former_folder(&self) -> PathBuf {
        self.0.join("former")
    }

    /// Returns the files of the keys of former roots and issuers.
    pub fn former_key_paths(&self) -> Result<Vec<PathBuf>, AuthorityError> {
        let folder = self.former_folder();
        let unreadable = |source| TlsError::Read { path: folder.clone(), source };
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error).into()),
        };
        let paths = entries.map(|entry| Ok(entry.map_err(unreadable)?.path()));
        let mut paths = paths.collect::<Result<Vec<_>, AuthorityError>>()?;
        paths.retain(|path| path.as_os_str().as_encoded_bytes().ends_with(b".key.pem"));
        paths.sort();
        Ok(paths)
    }

    /// Returns the files of the keys of former roots.
    pub fn former_root_key_paths(&self) -> Result<Vec<PathBuf>, AuthorityError> {
        let mut paths = self.former_key_paths()?;
        paths.retain(|path| {
            path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"root-"))
        });
        Ok(paths)
    }

    /// Locks the folder against changes by other programs until the result is dropped.
    pub fn lock(&self) -> Result<File, AuthorityError> {
        // A file of its own, because every other one is replaced.
        let path = self.0.join("lock");
        let mut options = File::options();
        options.write(true).create(true).truncate(false);
        let file = options.open(&path).and_then(|file| file.lock().map(|()| file));
        file.map_err(|source| AuthorityError::Lock { path, source })
    }

    /// Reads the certificates in `root.pem`, the newest first.
    pub fn read_roots(&self) -> Result<Vec<Certificate>, AuthorityError> {
        let path = self.root_path();
        let parse = |der: &[u8]| {
            Certificate::parse_authority(der)
                .map_err(|reason| TlsError::Certificate { path: path.clone(), reason }.into())
        };
        read_certificates(&path)?.iter().map(|der| parse(der)).collect()
    }

    pub fn write_roots(&self, roots: &[Certificate]) -> Result<(), AuthorityError> {
        let pem: String = roots.iter().map(|root| to_pem("CERTIFICATE", root.der().to_vec())).collect();
        write(self.root_path(), &pem)
    }

    /// Writes the file of a key. It replaces another one.
    pub fn write_key(&self, path: &Path, content: &str) -> Result<(), AuthorityError> {
        let written = atomic_file::write_private(path, content.as_bytes());
        written.map_err(|source| AuthorityError::Write { path: path.into(), source })
    }

    /// Writes the file of a key of a former root or issuer, and returns its path.
    pub fn write_former_key(
        &self,
        kind: &str,
        serial_number: &SerialNumber,
        content: &str,
    ) -> Result<PathBuf, AuthorityError> {
        let folder = self.former_folder();
        create_private_folder(&folder)
            .map_err(|source| AuthorityError::Write { path: folder.clone(), source })?;
        let path = folder.join(format!("{kind}-{serial_number}.key.pem"));
        self.write_key(&path, content)?;
        Ok(path)
    }

    /// Removes the file of a key.
    pub fn remove_key(&self, path: &Path) -> Result<(), AuthorityError> {
        fs::remove_file(path).map_err(|source| AuthorityError::Write { path: path.into(), source })
    }

    /// Reads the ledger. Also returns the serial numbers in `revoked.csv` that are not in `issued.csv`.
    pub fn read_ledger(
        &self,
        latest_end: time::OffsetDateTime,
    ) -> Result<(Ledger, Vec<SerialNumber>), AuthorityError> {
        let mut ledger = read(self.issued_path(), Ledger::read_issued)?;
        let added = read(self.revoked_path(), |text| ledger.read_revoked(text, latest_end))?;
        Ok((ledger, added))
    }

    /// Writes both files of the ledger.
    pub fn write_ledger(&self, ledger: &Ledger) -> Result<(), AuthorityError> {
        write(self.issued_path(), &ledger.write_issued()?)?;
        write(self.revoked_path(), &ledger.write_revoked()?)
    }

    /// Reads the signed lists, or returns `None` if there is no file.
    pub fn read_lists(
        &self,
        roots: &[Certificate],
        issuers: &[Certificate],
    ) -> Result<Option<Vec<SignedList>>, AuthorityError> {
        let path = self.revocation_list_path();
        let pem = match read_bounded(&path, MAX_BUNDLE_BYTES) {
            Ok(pem) => pem,
            Err(TlsError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            Err(error) => return Err(error.into()),
        };
        let lists = signed_list::read_lists(&pem, roots, issuers);
        lists.map(Some).map_err(|reason| AuthorityError::Lists { path, reason })
    }

    /// Writes the signed lists, unless they are longer than providers accept.
    pub fn write_lists(&self, lists: &[SignedList]) -> Result<(), AuthorityError> {
        let (path, pem) = (self.revocation_list_path(), signed_list::write_lists(lists));
        if pem.len() as u64 > MAX_BUNDLE_BYTES {
            return Err(TlsError::TooLarge { path, max_bytes: MAX_BUNDLE_BYTES }.into());
        }
        write(path, &pem)
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), AuthorityError> {
    atomic_file::write(&path, text.as_bytes()).map_err(|source| AuthorityError::Write { path, source })
}

fn read<T>(path: PathBuf, parse: impl FnOnce(&str) -> Result<T, usize>) -> Result<T, AuthorityError> {
    let text = String::from_utf8(read_bounded(&path, MAX_LEDGER_BYTES)?).map_err(|_| TlsError::Read {
        path: path.clone(),
        source: io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8"),
    })?;
    parse(&text).map_err(|line| AuthorityError::Line { path, line })
}
