//! The certificate authority, which certifies clients' public keys (paper, Section 4).
//!
//! An authority is a folder. It certifies that public and evaluation keys belong to a named client, so that a provider computes
//! for known clients only, and nobody can replace a client's keys. Certificates are X.509, so TLS checks them. A client's
//! certificate holds a [`Subject`](crate::tls::Subject).
//!
//! | file | holds |
//! | --- | --- |
//! | `root.pem` | the authority's certificate, which clients and providers trust |
//! | `root.key.pem` | its private key |
//! | `issued.csv` | every issued certificate |
//! | `revoked.csv` | the revoked certificates, with the times of their revocation |
//! | `revoked.pem` | the signed list of revoked certificates (CRL), for providers |
//!
//! ```text
//! client                                     authority
//!     makes a TLS key, request     ->            checks name and keys with the client by other means
//!     keeps it                     <-        certificate
//! ```
//!
//! ```
//! use sottovoce_service::authority::{Authority, CertificateRequest, ReceivedRequest};
//! use sottovoce_service::tls::Subject;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("authority");
//! let authority = Authority::create(&folder, "sottovoce authority")?;
//!
//! let keys = "00ff".repeat(16).parse()?; // Client::key_fingerprint
//! let request = CertificateRequest::new(&Subject::new("clinic", keys)?)?;
//!
//! let received = ReceivedRequest::from_pem(&request.pem)?;
//! println!("{} has the keys {}", received.subject().name(), received.subject().keys());
//! let certificate = authority.issue(&received, 90)?;
//! # assert!(certificate.pem.starts_with("-----BEGIN CERTIFICATE-----"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificate;
mod error;
mod folder;
mod host;
mod ledger;
mod request;
mod selection;

use std::path::{Path, PathBuf};

use rcgen::{Issuer, KeyPair};
use rustls::crypto::{SecureRandom, ring};
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

pub use certificate::MAX_VALIDITY_DAYS;
use certificate::now;
pub use error::AuthorityError;
use folder::AuthorityFolder;
pub use host::{Host, ParseHostError};
pub use ledger::{CertificateHolder, IssuedCertificate};
pub use request::{CertificateRequest, ReceivedRequest};
pub use selection::CertificateSelection;

use crate::tls::root_certificate::RootCertificate;
use crate::tls::serial_number::SerialNumber;

/// An authority in its folder. Several programs can use one folder at the same time: every change locks the folder and reads
/// it again.
pub struct Authority {
    folder: AuthorityFolder,
    root: RootCertificate,
    issuer: Issuer<'static, KeyPair>,
}

/// A signed certificate, and its entry in the list of issued certificates.
#[derive(Debug, Clone)]
pub struct SignedCertificate {
    /// PEM of the certificate.
    pub pem: String,
    /// Entry in the list of issued certificates.
    pub entry: IssuedCertificate,
}

impl Authority {
    /// Creates an authority with a fresh key, in a new or empty folder.
    ///
    /// # Errors
    /// If the folder is not empty or cannot be written to, or the name has characters that a client's name may not have.
    pub fn create(folder: &Path, name: &str) -> Result<Self, AuthorityError> {
        let parameters = certificate::root(name, random_serial_number()?)?;
        let folder = AuthorityFolder::create(folder)?;
        let key = KeyPair::generate()?;
        let root = parameters.self_signed(&key)?;
        folder.write_key(&Zeroizing::new(key.serialize_pem()))?;
        folder.write_issued(&[])?;
        folder.write_revoked(&[])?;
        let revoked = certificate::revocation_list(&[], parameters.not_after);
        folder.write_revocation_list(&revoked.signed_by(&Issuer::from_params(&parameters, &key))?.pem()?)?;
        // The certificate is written last, because a folder with a root certificate is an authority.
        folder.write_root(&root.pem())?;
        Self::from_folder(folder)
    }

    /// Opens the authority in a folder.
    ///
    /// # Errors
    /// If the folder holds no authority, or its files cannot be used.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        Self::from_folder(AuthorityFolder::open(folder)?)
    }

    fn from_folder(folder: AuthorityFolder) -> Result<Self, AuthorityError> {
        let (root, key) = folder.read_root()?;
        let issuer = Issuer::from_ca_cert_der(root.certificate(), key)?;
        Ok(Self { folder, root, issuer })
    }

    /// Returns the authority's certificate.
    #[must_use]
    pub fn root(&self) -> &RootCertificate {
        &self.root
    }

    /// Returns the path of the authority's certificate.
    #[must_use]
    pub fn root_path(&self) -> PathBuf {
        self.folder.root_path()
    }

    /// Returns the path of the signed revocation list.
    #[must_use]
    pub fn revocation_list_path(&self) -> PathBuf {
        self.folder.revocation_list_path()
    }

    /// Issues a certificate for the client and the keys that the request names, valid for `days`. The certificate is entered in
    /// the list before it is returned.
    ///
    /// # Errors
    /// If the keys are certified under another name, `days` is too small or too large, or the folder cannot be written to.
    pub fn issue(&self, request: &ReceivedRequest, days: u32) -> Result<SignedCertificate, AuthorityError> {
        self.issue_until(request, self.expiry(days)?)
    }

    pub(crate) fn issue_until(
        &self,
        request: &ReceivedRequest,
        not_after: OffsetDateTime,
    ) -> Result<SignedCertificate, AuthorityError> {
        let subject = request.subject();
        let serial_number = random_serial_number()?;
        let parameters = certificate::client(subject, &serial_number, not_after)?;
        let pem = parameters.signed_by(request.public_key(), &self.issuer)?.pem();
        let holder = CertificateHolder::Client(subject.clone());
        let entry = self.enter(IssuedCertificate { serial_number, holder, not_after, revoked: None })?;
        Ok(SignedCertificate { pem, entry })
    }

    /// Issues a certificate for a provider with these hosts, valid for `days`, with a fresh private key. Returns the certificate
    /// and the PEM of the private key.
    ///
    /// # Errors
    /// If there are no hosts, `days` is too small or too large, or the folder cannot be written to.
    pub fn issue_provider(
        &self,
        hosts: &[Host],
        days: u32,
    ) -> Result<(SignedCertificate, Zeroizing<String>), AuthorityError> {
        if hosts.is_empty() {
            return Err(AuthorityError::NoHosts);
        }
        let (serial_number, not_after) = (random_serial_number()?, self.expiry(days)?);
        let key = KeyPair::generate()?;
        let pem =
            certificate::provider(hosts, &serial_number, not_after)?.signed_by(&key, &self.issuer)?.pem();
        let holder = CertificateHolder::Provider(hosts.to_vec());
        let entry = self.enter(IssuedCertificate { serial_number, holder, not_after, revoked: None })?;
        Ok((SignedCertificate { pem, entry }, Zeroizing::new(key.serialize_pem())))
    }

    /// Revokes the selected certificates, signs a new revocation list, and returns the selected certificates. A certificate that
    /// was revoked before keeps the time of its revocation.
    ///
    /// # Errors
    /// If no certificate is selected, or the folder cannot be written to.
    pub fn revoke(&self, selection: &CertificateSelection) -> Result<Vec<IssuedCertificate>, AuthorityError> {
        let _lock = self.folder.lock()?;
        let mut all = self.folder.read_issued()?;
        let mut selected = Vec::new();
        for issued in all.iter_mut().filter(|issued| selection.includes(issued)) {
            issued.revoked.get_or_insert_with(now);
            selected.push(issued.clone());
        }
        if selected.is_empty() {
            return Err(AuthorityError::Unknown { selection: selection.clone() });
        }
        self.folder.write_revoked(&all)?;
        let list = certificate::revocation_list(&all, self.root.not_after());
        self.folder.write_revocation_list(&list.signed_by(&self.issuer)?.pem()?)?;
        Ok(selected)
    }

    /// Returns all issued certificates in the order of their issue.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn list(&self) -> Result<Vec<IssuedCertificate>, AuthorityError> {
        self.folder.read_issued()
    }

    /// Enters a certificate in the list.
    fn enter(&self, issued: IssuedCertificate) -> Result<IssuedCertificate, AuthorityError> {
        let _lock = self.folder.lock()?;
        let mut all = self.folder.read_issued()?;
        if let CertificateHolder::Client(subject) = &issued.holder {
            let mut valid = all.iter().filter(|other| other.revoked.is_none() && !other.has_expired());
            let other = valid.find(|other| other.contradicts(subject));
            if let Some(name) = other.map(|other| other.holder.to_string()) {
                return Err(AuthorityError::KeysTaken { keys: subject.keys(), name });
            }
        }
        all.push(issued.clone());
        self.folder.write_issued(&all)?;
        Ok(issued)
    }

    /// Returns the end of the validity of a certificate that is issued now for `days`.
    fn expiry(&self, days: u32) -> Result<OffsetDateTime, AuthorityError> {
        if !(1..=MAX_VALIDITY_DAYS).contains(&days) {
            return Err(AuthorityError::Days { found: days, max: MAX_VALIDITY_DAYS });
        }
        let end = now() + Duration::days(days.into());
        if end > self.root.not_after() {
            return Err(AuthorityError::Outlives { days, not_after: self.root.not_after() });
        }
        Ok(end)
    }
}

/// Returns an unpredictable serial number of 16 bytes. Its first two bits are 01, which makes all serial numbers positive and
/// equally long. The other 126 bits come from the operating system.
fn random_serial_number() -> Result<SerialNumber, AuthorityError> {
    let mut bytes = [0; 16];
    let random: &dyn SecureRandom = ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    let [first, ..] = &mut bytes;
    *first = *first & 0x3f | 0x40;
    Ok(SerialNumber::from_bytes(&bytes))
}

#[cfg(test)]
mod tests;
