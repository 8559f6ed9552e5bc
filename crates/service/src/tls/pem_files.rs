//! PEM files of certificates and private keys, and other private files.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{Error, InconsistentKeys};
use sottovoce_network::access_rights::check_secret_file;
use sottovoce_network::atomic_file;
use zeroize::Zeroizing;

use super::error::TlsError;
use super::profile;

/// Maximum length of a file of certificates in bytes, far above any chain of certificates.
const MAX_CERTIFICATE_BYTES: u64 = 1 << 20;

/// Maximum length of a file of a private key in bytes.
const MAX_KEY_BYTES: usize = 1 << 16;

/// Reads a file of at most `max_bytes`.
pub fn read_bounded(path: &Path, max_bytes: u64) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(max_bytes + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > max_bytes {
        return Err(TlsError::TooLarge { path: path.into(), max_bytes });
    }
    Ok(bytes)
}

/// Reads a certificate and the chain after it. The result is not empty.
pub fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = read_bounded(path, MAX_CERTIFICATE_BYTES)?;
    let certificates: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.and_then(|found| match found.is_empty() {
        true => Err(pem::Error::NoItemsFound),
        false => Ok(found),
    });
    certificates.map_err(|error| TlsError::Pem {
        path: path.into(),
        expected: "certificate",
        source: error.into(),
    })
}

/// Writes the PEM of a private key to a new file that only its owner can read. The file appears complete or not at all.
///
/// # Errors
/// If `path` exists, or the file cannot be written.
pub fn write_private_key(path: &Path, pem: &str) -> io::Result<()> {
    atomic_file::create_private(path, pem.as_bytes())
}

/// Reads a file of at most `max_bytes` with a secret. Refuses a file that others than its owner can read or change.
pub fn read_private_bytes(path: &Path, max_bytes: usize) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let unreadable = |source| TlsError::Read { path: path.into(), source };
    let file = File::open(path).map_err(unreadable)?;
    check_secret_file(path, &file)?;
    // A buffer that grew would leave copies of the key in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(max_bytes + 1));
    file.take(max_bytes as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > max_bytes {
        return Err(TlsError::TooLarge { path: path.into(), max_bytes: max_bytes as u64 });
    }
    Ok(bytes)
}

/// Reads a private key. Refuses a file that others than its owner can read or change.
pub fn read_private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let bytes = read_private_bytes(path, MAX_KEY_BYTES)?;
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| TlsError::Pem {
        path: path.into(),
        expected: "private key",
        source: error.into(),
    })
}

/// Reads the private key that belongs to a certificate. `chain` is the content of the file `certificate`.
pub fn read_certified_key(
    chain: Vec<CertificateDer<'static>>,
    certificate: &Path,
    private_key: &Path,
) -> Result<Arc<SingleCertAndKey>, TlsError> {
    let key = read_private_key(private_key)?;
    let certified = CertifiedKey::from_der(chain, key, &profile::crypto());
    let certified = certified.map_err(|source| match source {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            TlsError::KeyMismatch { certificate: certificate.into(), private_key: private_key.into() }
        }
        Error::InvalidCertificate(reason) => {
            TlsError::Certificate { path: certificate.into(), reason: reason.to_string() }
        }
        source => TlsError::PrivateKey { path: private_key.into(), source },
    })?;
    Ok(Arc::new(certified.into()))
}
