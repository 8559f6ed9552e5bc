//! Certificates that are good no more.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::{Root, Serial, TlsError, profile, read_bounded};

/// Room for some hundred thousand revoked certificates.
const MOST_BYTES: u64 = 1 << 24;

/// An authority's list of revoked certificates (CRL, RFC 5280, Section 5).
#[derive(Clone)]
pub struct RevocationList {
    serials: HashSet<Serial>,
    /// The list's own number, which grows from list to list.
    number: Serial,
    verifier: Arc<dyn ClientCertVerifier>,
}

/// A revocation list that was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// It is not in PEM.
    #[error("it holds no revocation list in PEM")]
    Pem(#[from] pem::Error),
    /// It cannot be read.
    #[error("the revocation list cannot be read: {why}")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
    /// It is another authority's, or forged.
    #[error("the revocation list is not signed by the authority that is trusted here")]
    Signature,
    /// It was replaced by the list that is in use.
    #[error("the revocation list is older than the one in use")]
    Older,
    /// TLS cannot use it.
    #[error("the revocation list cannot be used")]
    Verifier(#[from] VerifierBuilderError),
}

impl RevocationList {
    /// Reads a PEM file's bytes.
    ///
    /// # Errors
    /// If they are no revocation list, or it is not signed by `root`.
    pub fn from_pem(pem: &[u8], root: &Root) -> Result<Self, RevocationListError> {
        let unreadable = |why: String| RevocationListError::Unreadable { why };
        let der = CertificateRevocationListDer::from_pem_slice(pem)?;
        let (behind, list) =
            CertificateRevocationList::from_der(&der).map_err(|error| unreadable(error.to_string()))?;
        if !behind.is_empty() {
            return Err(unreadable("there are bytes behind it".to_owned()));
        }
        let (_, issuer) = x509_parser::parse_x509_certificate(root.certificate())
            .map_err(|error| unreadable(error.to_string()))?;
        let signed = list.verify_signature(issuer.public_key()).is_ok();
        if !signed || list.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(RevocationListError::Signature);
        }
        let number = list.crl_number().ok_or_else(|| unreadable("it has no number".to_owned()))?;
        let number = Serial::new(&number.to_bytes_be());
        let serials = list.iter_revoked_certificates().map(|entry| Serial::new(entry.raw_serial())).collect();
        let verifier = client_verifier(root, Some(der.clone()))?;
        Ok(Self { serials, number, verifier })
    }

    /// Whether the certificate is revoked.
    #[must_use]
    pub fn contains(&self, serial: &Serial) -> bool {
        self.serials.contains(serial)
    }

    /// What holds clients' certificates against root and list.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }

    fn is_older_than(&self, other: &Self) -> bool {
        let (own, others) = (self.number.as_bytes(), other.number.as_bytes());
        (own.len(), own) < (others.len(), others)
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("number", &self.number)
            .field("serials", &self.serials)
            .finish_non_exhaustive()
    }
}

/// What holds clients' certificates, where they show any, against root and list.
pub(super) fn client_verifier(
    root: &Root,
    list: Option<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    WebPkiClientVerifier::builder_with_provider(root.store(), profile::crypto())
        .with_crls(list)
        .allow_unauthenticated()
        .build()
}

/// The revocation list in a file that the authority replaces.
#[derive(Debug)]
pub struct Revocations {
    path: PathBuf,
    root: Root,
    list: RevocationList,
    /// Of the file that the list is from.
    stamp: Stamp,
    /// Of a file that was refused: it is not read again before it has changed.
    refused: Option<Stamp>,
}

/// What changes with a file: the time of its last change, and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp(SystemTime, u64);

impl Revocations {
    /// Reads the list.
    ///
    /// # Errors
    /// If the file cannot be read, or holds no list that `root` has signed.
    pub fn read(path: &Path, root: &Root) -> Result<Self, TlsError> {
        // Before the file is read: if it changes while it is read, it is read once more.
        let stamp = stamp(path)?;
        Ok(Self { path: path.into(), root: root.clone(), list: read(path, root)?, stamp, refused: None })
    }

    /// Reads the list again if its file has changed, and says whether it had. It costs a look at the file's metadata
    /// where nothing has changed.
    ///
    /// # Errors
    /// If the file cannot be read any more, or holds no list that the root has signed, or an older one. The list that was
    /// there stays in use. A file is refused once: until it changes again, later calls say that nothing has changed.
    pub fn refresh(&mut self) -> Result<bool, TlsError> {
        let stamp = stamp(&self.path)?;
        if stamp == self.stamp {
            self.refused = None;
            return Ok(false);
        }
        if self.refused.as_ref() == Some(&stamp) {
            return Ok(false);
        }
        self.refused = Some(stamp.clone());
        let list = read(&self.path, &self.root)?;
        if list.is_older_than(&self.list) {
            return Err(TlsError::RevocationList {
                path: self.path.clone(),
                source: RevocationListError::Older,
            });
        }
        self.list = list;
        self.stamp = stamp;
        self.refused = None;
        Ok(true)
    }

    /// Whether the file that is there now was refused.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        self.refused.is_some()
    }

    /// The list in use.
    #[must_use]
    pub fn list(&self) -> &RevocationList {
        &self.list
    }
}

fn stamp(path: &Path) -> Result<Stamp, TlsError> {
    let metadata = path.metadata();
    let stamp = metadata.and_then(|metadata| Ok(Stamp(metadata.modified()?, metadata.len())));
    stamp.map_err(|source| TlsError::Read { path: path.into(), source })
}

fn read(path: &Path, root: &Root) -> Result<RevocationList, TlsError> {
    let pem = read_bounded(path, MOST_BYTES)?;
    RevocationList::from_pem(&pem, root)
        .map_err(|source| TlsError::RevocationList { path: path.into(), source })
}
