//! The roots and issuers of the authority, with the files of their private keys.

use super::error::AuthorityError;
use super::folder::AuthorityFolder;
use super::key_file::{KeyFile, SigningKey};
use super::passphrase::Passphrase;
use crate::tls::certificate::Certificate;

/// A root or an issuer.
pub struct Signer {
    pub certificate: Certificate,
    /// The file of its private key, if it is in the folder.
    pub key: Option<KeyFile>,
}

impl Signer {
    /// Decrypts the private key. `missing` is the error if its file is not in the folder.
    pub fn unlock(
        &self,
        passphrase: Option<&Passphrase>,
        missing: impl FnOnce() -> AuthorityError,
    ) -> Result<SigningKey, AuthorityError> {
        self.key.as_ref().ok_or_else(missing)?.unlock(passphrase)
    }
}

/// All roots and issuers.
pub struct Signers {
    /// The roots in `root.pem`, the newest first.
    pub roots: Vec<Signer>,
    /// The issuers that a root in `root.pem` has signed and that have not expired. The present one comes first, if there is one.
    pub issuers: Vec<Signer>,
    has_present_issuer: bool,
    /// A key in `root.key.pem` whose certificate is not in `root.pem`: a change of the root was interrupted.
    pub next_root: Option<KeyFile>,
    /// The keys of former signers that have expired or are not trusted any more, and copies that an interruption has left.
    retired: Vec<KeyFile>,
}

impl Signers {
    /// Reads certificates and files of keys.
    ///
    /// # Errors
    /// If a file cannot be used, or no root has signed the present issuer.
    pub fn read(folder: &AuthorityFolder) -> Result<Self, AuthorityError> {
        Self::with_roots(folder, folder.read_roots()?)
    }

    /// Reads the files of keys for these roots.
    pub fn with_roots(
        folder: &AuthorityFolder,
        certificates: Vec<Certificate>,
    ) -> Result<Self, AuthorityError> {
        let lone_root = match certificates.as_slice() {
            [root] => Some(root),
            _ => None,
        };
        let present = KeyFile::read(&folder.issuer_key_path(), None)?;
        let has_present_issuer = present.is_some();
        if let Some(present) = &present {
            let issuer = present.certificate();
            if !certificates.iter().any(|root| issuer.is_signed_by(root)) {
                return Err(AuthorityError::ForeignIssuer { path: present.path().into() });
            }
        }
        let mut keys = Vec::new();
        keys.extend(KeyFile::read(&folder.root_key_path(), lone_root)?);
        for path in folder.former_key_paths()? {
            keys.extend(KeyFile::read(&path, None)?);
        }
        let mut roots: Vec<Signer> =
            certificates.into_iter().map(|certificate| Signer { certificate, key: None }).collect();
        let mut issuers: Vec<KeyFile> = present.into_iter().collect();
        let (mut next_root, mut retired) = (None, Vec::new());
        for key in keys {
            let certificate = key.certificate();
            if let Some(root) = roots.iter_mut().find(|root| root.certificate == *certificate) {
                match root.key {
                    None => root.key = Some(key),
                    Some(_) => retired.push(key),
                }
            } else if issuers.iter().any(|issuer| issuer.certificate() == certificate) {
                retired.push(key);
            } else if roots.iter().any(|root| certificate.is_signed_by(&root.certificate)) {
                let keys = if certificate.has_expired() { &mut retired } else { &mut issuers };
                keys.push(key);
            } else if key.path() == folder.root_key_path() {
                next_root = Some(key);
            } else {
                retired.push(key);
            }
        }
        let issuers = issuers
            .into_iter()
            .map(|key| Signer { certificate: key.certificate().clone(), key: Some(key) })
            .collect();
        Ok(Self { roots, issuers, has_present_issuer, next_root, retired })
    }

    /// Returns the newest root.
    pub fn root(&self) -> Result<&Signer, AuthorityError> {
        self.roots.first().ok_or(AuthorityError::NoRoot)
    }

    /// Returns the present issuer. In an authority without issuers, this is the root.
    ///
    /// # Errors
    /// If the file of the issuer's key is not in the folder.
    pub fn issuer(&self, folder: &AuthorityFolder) -> Result<&Signer, AuthorityError> {
        match self.issuers.first() {
            Some(issuer) if self.has_present_issuer => Ok(issuer),
            _ if !self.root()?.certificate.may_sign_issuers() => self.root(),
            _ => Err(AuthorityError::NoIssuer { path: folder.issuer_key_path() }),
        }
    }

    /// Makes `issuer` the present one. Returns whether there was another one, which is the second of the issuers then.
    pub fn set_present_issuer(&mut self, issuer: Signer) -> bool {
        self.issuers.insert(0, issuer);
        std::mem::replace(&mut self.has_present_issuer, true)
    }

    /// Returns whether the present issuer's key is in the folder.
    pub fn has_present_issuer(&self) -> bool {
        self.has_present_issuer
    }

    /// Returns all files of keys.
    pub fn key_files(&self) -> impl Iterator<Item = &KeyFile> {
        let signers = self.roots.iter().chain(&self.issuers);
        signers.filter_map(|signer| signer.key.as_ref()).chain(&self.next_root).chain(&self.retired)
    }

    pub fn root_certificates(&self) -> Vec<Certificate> {
        self.roots.iter().map(|root| root.certificate.clone()).collect()
    }

    pub fn issuer_certificates(&self) -> Vec<Certificate> {
        self.issuers.iter().map(|issuer| issuer.certificate.clone()).collect()
    }
}
