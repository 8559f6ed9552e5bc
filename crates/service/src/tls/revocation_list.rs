//! The authority's list of revoked certificates.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer};
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
        // The lists of issuers stand after the issuers' certificates.
        let mut signers = vec![root.certificate().clone()];
        signers.extend(CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?);
        let lists = CertificateRevocationListDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>()?;
        if lists.is_empty() {
            return Err(pem::Error::NoItemsFound.into());
        }
        let (mut number, mut serial_numbers) = (SerialNumber::from_bytes(&[]), HashSet::new());
        for der in &lists {
            let (rest, list) =
                CertificateRevocationList::from_der(der).map_err(|error| unreadable(error.to_string()))?;
            if !rest.is_empty() {
                return Err(unreadable("bytes follow the list".to_owned()));
            }
            let mut is_signed = false;
            for signer in &signers {
                let (_, signer) = x509_parser::parse_x509_certificate(signer)
                    .map_err(|error| unreadable(error.to_string()))?;
                is_signed |= list.issuer().as_raw() == signer.subject().as_raw()
                    && list.verify_signature(signer.public_key()).is_ok()
                    && root.has_signed(&signer);
            }
            if !is_signed {
                return Err(RevocationListError::Signature);
            }
            let own = list.crl_number().ok_or_else(|| unreadable("it has no number".to_owned()))?;
            let own = SerialNumber::from_bytes(&own.to_bytes_be());
            if (number.as_bytes().len(), number.as_bytes()) < (own.as_bytes().len(), own.as_bytes()) {
                number = own;
            }
            let listed = list.iter_revoked_certificates();
            serial_numbers.extend(listed.map(|entry| SerialNumber::from_bytes(entry.raw_serial())));
        }
        let verifier = client_verifier(root, lists)?;
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
    lists: Vec<CertificateRevocationListDer<'static>>,
) -> Result<Arc<dyn ClientCertVerifier>, VerifierBuilderError> {
    WebPkiClientVerifier::builder_with_provider(root.store(), profile::crypto())
        .with_crls(lists)
        .allow_unauthenticated()
        .build()
}
