//! A certificate with its private key.

use std::path::Path;
use std::sync::Arc;

use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};

use super::pem_file::read_certificates;
use super::{TlsError, profile, read_private_key};

/// Reads a certificate, with those behind it, and its private key.
///
/// # Errors
/// If a file cannot be used, or the key is another certificate's.
pub(super) fn read(certificate: &Path, private_key: &Path) -> Result<Arc<SingleCertAndKey>, TlsError> {
    let certificates = read_certificates(certificate)?;
    let key = read_private_key(private_key)?;
    let pair =
        CertifiedKey::from_der(certificates, key, &profile::crypto()).map_err(|source| match source {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                TlsError::KeyMismatch { certificate: certificate.into(), private_key: private_key.into() }
            }
            Error::InvalidCertificate(why) => {
                TlsError::Certificate { path: certificate.into(), why: why.to_string() }
            }
            source => TlsError::PrivateKey { path: private_key.into(), source },
        })?;
    Ok(Arc::new(pair.into()))
}
