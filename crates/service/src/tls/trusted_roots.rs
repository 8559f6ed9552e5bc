//! The root certificates that one side trusts: several while one authority's root replaces another.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::RootCertStore;
use sottovoce_network::access_rights::check_trusted_file;
use time::OffsetDateTime;

use super::certificate::Certificate;
use super::error::TlsError;
use super::pem_files::read_certificates;

/// Root certificates of one file.
#[derive(Debug, Clone)]
pub struct TrustedRoots {
    path: PathBuf,
    roots: Vec<Certificate>,
}

impl TrustedRoots {
    /// Reads a PEM file with one or more root certificates: of authorities, and signed by themselves.
    ///
    /// # Errors
    /// If the file cannot be read, holds anything else, or can be changed by others than the user and root.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let file = File::open(path).map_err(|source| TlsError::Read { path: path.into(), source })?;
        check_trusted_file(path, &file)?;
        let mut roots: Vec<Certificate> = Vec::new();
        for der in read_certificates(path)? {
            let root = Certificate::parse(der)
                .map_err(|reason| TlsError::Certificate { path: path.into(), reason })?;
            if !root.is_authority() {
                return Err(TlsError::NotAnAuthority { path: path.into() });
            }
            // Each list in `revoked.pem` follows its signer's certificate. As a root, an issuer could not be revoked.
            if !root.is_signed_by(&root) {
                return Err(TlsError::NotARoot { path: path.into(), subject: root.subject().to_owned() });
            }
            if roots.iter().all(|other| other.der() != root.der()) {
                roots.push(root);
            }
        }
        Ok(Self { path: path.into(), roots })
    }

    /// All certificates of the file, without repetitions.
    pub fn all(&self) -> &[Certificate] {
        &self.roots
    }

    /// Returns the roots that are valid at a time. Verifiers of TLS do not look at the dates of a root.
    pub fn valid_at(&self, now: OffsetDateTime) -> impl Iterator<Item = &Certificate> {
        self.roots.iter().filter(move |root| root.validity().check(now).is_ok())
    }

    /// Returns a store with the roots that are valid at a time, for verifiers.
    ///
    /// # Errors
    /// If no root is valid.
    pub fn store(&self, now: OffsetDateTime) -> Result<Arc<RootCertStore>, TlsError> {
        let mut store = RootCertStore::empty();
        for root in self.valid_at(now) {
            store.add(root.der().clone()).map_err(|error| TlsError::Certificate {
                path: self.path.clone(),
                reason: error.to_string(),
            })?;
        }
        if store.is_empty() {
            // The first root of the file is the newest.
            let not_valid = self.roots.first().and_then(|root| root.validity().check(now).err());
            let problem = not_valid.map(|problem| problem.to_string()).unwrap_or_default();
            return Err(TlsError::NoValidRoot { path: self.path.clone(), problem });
        }
        Ok(Arc::new(store))
    }
}

impl PartialEq for TrustedRoots {
    fn eq(&self, other: &Self) -> bool {
        let same = |(own, other): (&Certificate, &Certificate)| own.der() == other.der();
        self.roots.len() == other.roots.len() && self.roots.iter().zip(&other.roots).all(same)
    }
}
