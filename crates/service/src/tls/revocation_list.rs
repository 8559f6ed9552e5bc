//! The authority's list of revoked certificates.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::CertificateRevocationListDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _};

use super::error::RevocationListError;
use super::profile;
use super::root_certificate::RootCertificate;
use super::serial_number::SerialNumber;

/// A list of revoked certificates (CRL, RFC 5280, Section 5).
#[derive(Clone)]
pub struct RevocationList {
    serial_numbers: HashSet<SerialNumber>,
    /// Number of the list. Newer lists have larger numbers.
    number: SerialNumber,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl RevocationList {
    /// Parses a PEM file.
    ///
    /// # Errors
    /// If the bytes are not a revocation list, or it is not signed by `root`.
    pub fn from_pem(pem: &[u8], root: &RootCertificate) -> Result<Self, RevocationListError> {
        let unreadable = |reason: String| RevocationListError::Unreadable { reason };
        let der = CertificateRevocationListDer::from_pem_slice(pem)?;
        let (rest, list) =
            CertificateRevocationList::from_der(&der).map_err(|error| unreadable(error.to_string()))?;
        if !rest.is_empty() {
            return Err(unreadable("bytes follow the list".to_owned()));
        }
        let (_, issuer) = x509_parser::parse_x509_certificate(root.certificate())
            .map_err(|error| unreadable(error.to_string()))?;
        let is_signed = list.verify_signature(issuer.public_key()).is_ok();
        if !is_signed || list.issuer().as_raw() != issuer.subject().as_raw() {
            return Err(RevocationListError::Signature);
        }
        let number = list.crl_number().ok_or_else(|| unreadable("it has no number".to_owned()))?;
        let number = SerialNumber::from_bytes(&number.to_bytes_be());
        let serial_numbers = list
            .iter_revoked_certificates()
            .map(|entry| SerialNumber::from_bytes(entry.raw_serial()))
            .collect();
        let verifier = client_verifier(root, Some(der.clone()))?;
        Ok(Self { serial_numbers, number, verifier })
    }

    /// Returns whether a certificate is revoked.
    #[must_use]
    pub fn contains(&self, serial_number: &SerialNumber) -> bool {
        self.serial_numbers.contains(serial_number)
    }

    /// Returns a verifier of clients' certificates against root and list.
    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }

    /// Returns whether this list is older than `other`.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        let (own, others) = (self.number.as_bytes(), other.number.as_bytes());
        (own.len(), own) < (others.len(), others)
    }
}

impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationList")
            .field("number", &self.number)
            .field("serial_numbers", &self.serial_numbers)
            .finish_non_exhaustive()
    }
}

/// Returns a verifier of clients' certificates against root and list. A client need not have a certificate.
pub(super) fn client_verifier(
    root: &RootCertificate,
    list: Option<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    WebPkiClientVerifier::builder_with_provider(root.store(), profile::crypto())
        .with_crls(list)
        .allow_unauthenticated()
        .build()
}
