//! The authority's certificate, which both sides trust.

use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;

use super::TlsError;
use super::pem_file::read_certificates;

/// An authority's own certificate.
#[derive(Debug, Clone)]
pub struct Root {
    certificate: CertificateDer<'static>,
    public_key_info: Vec<u8>,
    not_after: OffsetDateTime,
    store: Arc<RootCertStore>,
}

impl Root {
    /// Reads it from a PEM file.
    ///
    /// # Errors
    /// If the file cannot be read, or does not hold one certificate, of an authority.
    pub fn read(path: &Path) -> Result<Self, TlsError> {
        let certificates = read_certificates(path)?;
        let found = certificates.len();
        let [certificate] = <[_; 1]>::try_from(certificates)
            .map_err(|_| TlsError::SeveralCertificates { path: path.into(), found })?;
        let unreadable = |why| TlsError::Certificate { path: path.into(), why };
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate)
            .map_err(|error| unreadable(error.to_string()))?;
        if !parsed.is_ca() {
            return Err(TlsError::NotAnAuthority { path: path.into() });
        }
        let public_key_info = parsed.public_key().raw.to_vec();
        let not_after = parsed.validity().not_after.to_datetime();
        let mut store = RootCertStore::empty();
        store.add(certificate.clone()).map_err(|error| unreadable(error.to_string()))?;
        Ok(Self { certificate, public_key_info, not_after, store: store.into() })
    }

    /// The certificate.
    #[must_use]
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Its last moment.
    #[must_use]
    pub fn not_after(&self) -> OffsetDateTime {
        self.not_after
    }

    /// Its public key with the key's kind, in DER.
    pub(crate) fn public_key_info(&self) -> &[u8] {
        &self.public_key_info
    }

    /// It alone, for verifiers.
    pub(super) fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.store)
    }
}
