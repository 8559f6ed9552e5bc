//! Requests for clients' certificates (CSR, PKCS #10).

use std::path::Path;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue, KeyPair,
    PKCS_ECDSA_P256_SHA256, PublicKey, PublicKeyData as _, SanType,
};
use sottovoce_network::disk::sha256;
use sottovoce_protocol::Fingerprint;
use zeroize::Zeroizing;

use super::certificate::keys_names;
use super::error::AuthorityError;
use crate::tls::pem_files::read_bounded;
use crate::tls::subject::{Subject, SubjectError};

/// Length of an uncompressed point of P-256 in bytes.
const POINT_BYTES: usize = 65;

/// Maximum length of a request in bytes.
const MAX_BYTES: usize = 1 << 16;

/// A client's request for a certificate, and the private key of the certificate. It has no `Debug`, because it holds a private
/// key.
pub struct CertificateRequest {
    /// PEM of the request, for the authority.
    pub pem: String,
    /// PEM of the private key (ECDSA on P-256), which only the client may have.
    pub private_key_pem: Zeroizing<String>,
    /// SHA-256 of the public key, with which the client identifies the request to the authority.
    pub key: Fingerprint,
}

impl CertificateRequest {
    /// Makes a fresh key, and a request for a certificate of `subject`.
    ///
    /// # Errors
    /// If the operating system gives no random numbers.
    pub fn new(subject: &Subject) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, subject.name());
        parameters.subject_alt_names = keys_names(subject)?;
        let pem = parameters.serialize_request(&key)?.pem()?;
        let fingerprint = fingerprint(&key.subject_public_key_info())?;
        Ok(Self { pem, private_key_pem: Zeroizing::new(key.serialize_pem()), key: fingerprint })
    }
}

/// A request that was parsed and checked. Its signature proves that its sender has the private key.
///
/// The authority must find out by other means that the sender is the client that the request names.
#[derive(Debug)]
pub struct ReceivedRequest {
    subject: Subject,
    public_key: PublicKey,
    key: Fingerprint,
}

impl ReceivedRequest {
    /// Reads a request from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or [`from_pem`](Self::from_pem) refuses its content.
    pub fn read(path: &Path) -> Result<Self, AuthorityError> {
        Self::from_pem(&read_pem(path)?)
    }

    /// Parses a request and checks its signature. Only the subject and the public key are used.
    ///
    /// # Errors
    /// If the text is not a request for one client and its keys, with a key on P-256.
    pub fn from_pem(pem: &str) -> Result<Self, AuthorityError> {
        let CertificateSigningRequestParams { params, public_key } = parse(pem)?;
        let name = match params.distinguished_name.get(&DnType::CommonName) {
            Some(DnValue::Utf8String(name)) => Some(name.as_str()),
            Some(DnValue::PrintableString(name)) => Some(name.as_str()),
            Some(DnValue::Ia5String(name)) => Some(name.as_str()),
            _ => None,
        };
        let name = name.ok_or(SubjectError::Names { found: 0 })?;
        let uris = params.subject_alt_names.iter().filter_map(|name| match name {
            SanType::URI(uri) => Some(uri.as_str()),
            _ => None,
        });
        let has_hosts = params
            .subject_alt_names
            .iter()
            .any(|name| matches!(name, SanType::DnsName(_) | SanType::IpAddress(_)));
        let subject = Subject::from_names(&[name], uris).map_err(|error| match error {
            SubjectError::Keys { found: 0 } if has_hosts => AuthorityError::RequestOfProvider,
            error => error.into(),
        })?;
        let key = fingerprint(&public_key.subject_public_key_info())?;
        Ok(Self { subject, public_key, key })
    }

    /// Returns the subject of the requested certificate.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Returns the SHA-256 of the public key. Another request with this key has the same sender, because the key signs requests.
    #[must_use]
    pub fn key(&self) -> Fingerprint {
        self.key
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}

/// Returns the SHA-256 of a public key with its algorithm in DER.
pub(super) fn fingerprint(public_key_info: &[u8]) -> Result<Fingerprint, AuthorityError> {
    sha256(public_key_info).parse().map_err(|_| AuthorityError::RequestKey)
}

/// Reads the file of a request.
pub(super) fn read_pem(path: &Path) -> Result<String, AuthorityError> {
    let bytes = read_bounded(path, MAX_BYTES as u64)?;
    // Invalid UTF-8 becomes invalid PEM.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Parses a request with a key on P-256, and checks its signature.
pub(super) fn parse(pem: &str) -> Result<CertificateSigningRequestParams, AuthorityError> {
    if pem.len() > MAX_BYTES {
        return Err(AuthorityError::RequestSize { found: pem.len(), max: MAX_BYTES });
    }
    let request = CertificateSigningRequestParams::from_pem(pem).map_err(AuthorityError::Request)?;
    let key = &request.public_key;
    // The type of the signature may differ from that of the key.
    if key.algorithm() != &PKCS_ECDSA_P256_SHA256 || key.der_bytes().len() != POINT_BYTES {
        return Err(AuthorityError::RequestKey);
    }
    Ok(request)
}
