//! The certificate authority that vouches for clients' public keys (paper, Section 4).
//!
//! An authority is a folder. It certifies that a registration, which is a client's public and evaluation keys, belongs to
//! the client that it names, so that a provider computes for clients it knows and nobody can slip in keys of their own.
//! Certificates are X.509, so that TLS checks them; what a client's says is in [`Subject`](crate::tls::Subject).
//!
//! | file | holds |
//! | --- | --- |
//! | `root.pem` | the authority's certificate, which clients and providers trust |
//! | `root.key.pem` | its private key: whoever has it, is the authority |
//! | `issued.csv` | every certificate that was issued |
//! | `revoked.csv` | those of them that are good no more, and since when |
//! | `revoked.pem` | the same signed, for providers (CRL) |
//!
//! ```text
//! client                                     authority
//!     makes a TLS key, request     ->            checks name and keys with the client, by other means than this
//!     keeps it                     <-        certificate
//! ```
//!
//! ```
//! use sottovoce_protocol::authority::{Authority, CertificateRequest, ReceivedRequest};
//! use sottovoce_protocol::tls::Subject;
//!
//! # let folder = tempfile::tempdir()?;
//! # let folder = folder.path().join("authority");
//! let authority = Authority::create(&folder, "sottovoce authority")?;
//!
//! let keys = "00ff".repeat(16).parse()?; // Client::registered
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

pub use error::AuthorityError;
pub use host::Host;
pub use ledger::{Holder, Issued};
pub use request::{CertificateRequest, ReceivedRequest};
pub use selection::Selection;

use crate::tls::{Root, Serial};
use folder::Folder;

/// The most days that a certificate is issued for.
pub const MOST_DAYS: u32 = 3650;

/// An authority, in its folder.
///
/// Several programs may use one folder at a time: what is on disk is read anew and locked for every change.
pub struct Authority {
    folder: Folder,
    root: Root,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate, and what the authority has noted of it.
#[derive(Debug, Clone)]
pub struct Certificate {
    /// The certificate.
    pub pem: String,
    /// What is on the list.
    pub issued: Issued,
}

impl Authority {
    /// Makes an authority with a fresh key, in a folder that is new or empty.
    ///
    /// # Errors
    /// If there is something in the folder, it cannot be written to, or the name has other characters than a client's
    /// may have.
    pub fn create(folder: &Path, name: &str) -> Result<Self, AuthorityError> {
        let parameters = certificate::root(name, random_serial()?)?;
        let folder = Folder::create(folder)?;
        let key = KeyPair::generate()?;
        let root = parameters.self_signed(&key)?;
        folder.write_key(&Zeroizing::new(key.serialize_pem()))?;
        folder.write_issued(&[])?;
        folder.write_revoked(&[])?;
        let revoked = certificate::revocation_list(&[], parameters.not_after);
        folder.write_revocation_list(&revoked.signed_by(&Issuer::from_params(&parameters, &key))?.pem()?)?;
        // The last: a folder with a root certificate is an authority.
        folder.write_root(&root.pem())?;
        Self::of(folder)
    }

    /// The authority in a folder.
    ///
    /// # Errors
    /// If there is none, or its files cannot be used.
    pub fn open(folder: &Path) -> Result<Self, AuthorityError> {
        Self::of(Folder::open(folder)?)
    }

    fn of(folder: Folder) -> Result<Self, AuthorityError> {
        let (root, key) = folder.read_root()?;
        let issuer = Issuer::from_ca_cert_der(root.certificate(), key)?;
        Ok(Self { folder, root, issuer })
    }

    /// The authority's certificate.
    #[must_use]
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// Where the authority's certificate is.
    #[must_use]
    pub fn root_path(&self) -> PathBuf {
        self.folder.root_path()
    }

    /// Where the signed revocation list is.
    #[must_use]
    pub fn revocation_list_path(&self) -> PathBuf {
        self.folder.revocation_list_path()
    }

    /// Vouches for the client that the request names, and for its keys, for so many days. The certificate is noted before
    /// it is given out.
    ///
    /// # Errors
    /// If the keys are another name's, there are too few or too many days, or the folder cannot be written to.
    pub fn issue(&self, request: &ReceivedRequest, days: u32) -> Result<Certificate, AuthorityError> {
        self.issue_until(request, self.end(days)?)
    }

    pub(crate) fn issue_until(
        &self,
        request: &ReceivedRequest,
        not_after: OffsetDateTime,
    ) -> Result<Certificate, AuthorityError> {
        let subject = request.subject();
        let serial = random_serial()?;
        let parameters = certificate::client(subject, &serial, not_after)?;
        let pem = parameters.signed_by(request.public_key(), &self.issuer)?.pem();
        let holder = Holder::Client(subject.clone());
        let issued = self.note(Issued { serial, holder, not_after, revoked: None })?;
        Ok(Certificate { pem, issued })
    }

    /// A certificate for a provider that is reached by these hosts, for so many days, and its private key's PEM, which is
    /// in no file yet.
    ///
    /// # Errors
    /// If there are no hosts, too few or too many days, or the folder cannot be written to.
    pub fn issue_provider(
        &self,
        hosts: &[Host],
        days: u32,
    ) -> Result<(Certificate, Zeroizing<String>), AuthorityError> {
        if hosts.is_empty() {
            return Err(AuthorityError::NoHosts);
        }
        let (serial, not_after) = (random_serial()?, self.end(days)?);
        let key = KeyPair::generate()?;
        let pem = certificate::provider(hosts, &serial, not_after)?.signed_by(&key, &self.issuer)?.pem();
        let holder = Holder::Provider(hosts.to_vec());
        let issued = self.note(Issued { serial, holder, not_after, revoked: None })?;
        Ok((Certificate { pem, issued }, Zeroizing::new(key.serialize_pem())))
    }

    /// Revokes certificates, signs the revocation list anew, and gives what is revoked. What was revoked before stays as
    /// it is.
    ///
    /// # Errors
    /// If no certificate is meant, or the folder cannot be written to.
    pub fn revoke(&self, selection: &Selection) -> Result<Vec<Issued>, AuthorityError> {
        let _lock = self.folder.lock()?;
        let mut all = self.folder.read_issued()?;
        let mut selected = Vec::new();
        for issued in all.iter_mut().filter(|issued| selection.means(issued)) {
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

    /// Every certificate that was issued, in that order.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn list(&self) -> Result<Vec<Issued>, AuthorityError> {
        self.folder.read_issued()
    }

    /// Adds a certificate to the list.
    fn note(&self, issued: Issued) -> Result<Issued, AuthorityError> {
        let _lock = self.folder.lock()?;
        let mut all = self.folder.read_issued()?;
        if let Holder::Client(subject) = &issued.holder {
            let mut good = all.iter().filter(|other| other.revoked.is_none() && !other.is_over());
            let other = good.find(|other| other.contradicts(subject));
            if let Some(name) = other.map(|other| other.holder.to_string()) {
                return Err(AuthorityError::KeysTaken { keys: subject.keys(), name });
            }
        }
        all.push(issued.clone());
        self.folder.write_issued(&all)?;
        Ok(issued)
    }

    /// When a certificate ends that is issued now for so many days.
    fn end(&self, days: u32) -> Result<OffsetDateTime, AuthorityError> {
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(AuthorityError::Days { found: days });
        }
        let end = now() + Duration::days(days.into());
        if end > self.root.not_after() {
            return Err(AuthorityError::Outlives { days, not_after: self.root.not_after() });
        }
        Ok(end)
    }
}

/// Now, to the second, as certificates tell time.
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc().truncate_to_second()
}

/// A serial number that nobody can foretell, of 16 bytes: 126 bits of the operating system's randomness behind a one,
/// which keeps it positive and all of one length.
fn random_serial() -> Result<Serial, AuthorityError> {
    let mut bytes = [0; 16];
    let random: &dyn SecureRandom = ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| AuthorityError::Random)?;
    bytes[0] = bytes[0] & 0x3f | 0x40;
    Ok(Serial::new(&bytes))
}

#[cfg(test)]
mod tests;
