//! Requests for clients' certificates (CSR, PKCS #10).

use std::path::Path;

use rcgen::{
    CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType, DnValue, KeyPair,
    PKCS_ECDSA_P256_SHA256, PublicKey, PublicKeyData as _, SanType,
};
use zeroize::Zeroizing;

use super::AuthorityError;
use crate::tls::{Subject, SubjectError, read_bounded};

/// Bytes of an uncompressed point of P-256.
const POINT_BYTES: usize = 65;

/// More than a request with every field that it may have.
const MOST_BYTES: usize = 1 << 16;

/// A client's request, and the key that its connections will use.
pub struct CertificateRequest {
    /// The request, for the authority.
    pub pem: String,
    /// The private key (ECDSA on P-256), for nobody else.
    pub private_key_pem: Zeroizing<String>,
}

impl CertificateRequest {
    /// Makes a fresh key, and a request for a certificate that says whose it is.
    ///
    /// # Errors
    /// If the system has no randomness to give.
    pub fn new(subject: &Subject) -> Result<Self, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = DistinguishedName::new();
        parameters.distinguished_name.push(DnType::CommonName, subject.name());
        parameters.subject_alt_names = vec![SanType::URI(subject.binding().try_into()?)];
        let pem = parameters.serialize_request(&key)?.pem()?;
        Ok(Self { pem, private_key_pem: Zeroizing::new(key.serialize_pem()) })
    }
}

/// A request that was read and checked: whoever has made it, has the private key.
///
/// Whether they are the client that it names, the authority must know from elsewhere.
#[derive(Debug)]
pub struct ReceivedRequest {
    subject: Subject,
    public_key: PublicKey,
}

impl ReceivedRequest {
    /// Reads a request from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or [`from_pem`](Self::from_pem) refuses what it holds.
    pub fn read(path: &Path) -> Result<Self, AuthorityError> {
        let bytes = read_bounded(path, MOST_BYTES as u64)?;
        // What is no text is no PEM either.
        Self::from_pem(&String::from_utf8_lossy(&bytes))
    }

    /// Reads a request and checks its signature. Whom it is for and the key that it is for is all that is taken from it.
    ///
    /// # Errors
    /// If it is no request for one name and one registration with a key on P-256.
    pub fn from_pem(pem: &str) -> Result<Self, AuthorityError> {
        if pem.len() > MOST_BYTES {
            return Err(AuthorityError::RequestSize { found: pem.len(), most: MOST_BYTES });
        }
        let request = CertificateSigningRequestParams::from_pem(pem).map_err(AuthorityError::Request)?;
        let CertificateSigningRequestParams { params, public_key } = request;
        // The signature's kind may differ from the key's.
        if public_key.algorithm() != &PKCS_ECDSA_P256_SHA256 || public_key.der_bytes().len() != POINT_BYTES {
            return Err(AuthorityError::RequestKey);
        }
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
        Ok(Self { subject: Subject::of(&[name], uris)?, public_key })
    }

    /// Whom a certificate would vouch for.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    pub(super) fn public_key(&self) -> &PublicKey {
        &self.public_key
    }
}
