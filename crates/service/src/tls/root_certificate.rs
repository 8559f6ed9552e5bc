//! The authority's certificate, which both sides trust.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::prelude::X509Certificate;

use super::error::TlsError;
use super::pem_files::read_certificates;

/// Certificate of an authority.
#[derive(Debug, Clone)]
pub struct RootCertificate {
    certificate: CertificateDer<'static>,
    not_after: OffsetDateTime,
    store: Arc<RootCertStore>,
}

impl RootCertificate {
    /// Reads a PEM file.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold exactly one certificate, of an authority.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let certificates = read_certificates(path)?;
        let found = certificates.len();
        let [certificate] = <[_; 1]>::try_from(certificates)
            .map_err(|_| TlsError::SeveralCertificates { path: path.into(), found })?;
        let unreadable = |reason| TlsError::Certificate { path: path.into(), reason };
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| unreadable(error.to_string()))?;
        if !parsed.is_ca() {
            return Err(TlsError::NotAnAuthority { path: path.into() });
        }
        let not_after = parsed.validity().not_after.to_datetime();
        let mut store = RootCertStore::empty();
        store.add(certificate.clone()).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { certificate, not_after, store: store.into() })
    }

    /// Returns the certificate in DER.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// End of the certificate's validity.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// Returns whether the root has signed a certificate.
    pub(super) fn has_signed(&self, certificate: &X509Certificate<'_>) -> bool {
        let signed = x509_parser::parse_x509_certificate(&self.certificate)
            .map(|(_, root)| certificate.verify_signature(Some(root.public_key())).is_ok());
        signed.unwrap_or(false)
    }

    /// Returns a store with only this certificate, for verifiers.
    pub(super) fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }
}
