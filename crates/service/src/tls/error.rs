//! Errors of certificates, private keys and revocation lists.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;
use rustls::server::VerifierBuilderError;
use sottovoce_network::access_rights::AccessRightsError;

/// A file cannot be used, or TLS cannot be set up with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file is missing or cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The file is too large.
    #[error("{path} is larger than {max_bytes} bytes, the maximum")]
    TooLarge {
        /// Path of the file.
        path: PathBuf,
        /// Maximum length in bytes.
        max_bytes: u64,
    },
    /// The file is not a PEM file, or does not hold what it must.
    #[error("{path} holds no {expected} in PEM")]
    Pem {
        /// Path of the file.
        path: PathBuf,
        /// Expected content.
        expected: &'static str,
        /// Error of the PEM parser.
        source: pem::Error,
    },
    /// The file holds several certificates, but must hold one.
    #[error("{path} holds {found} certificates, but must hold one")]
    SeveralCertificates {
        /// Path of the file.
        path: PathBuf,
        /// Number of certificates.
        found: usize,
    },
    /// The certificate cannot be parsed.
    #[error("{path} holds no readable certificate: {reason}")]
    Certificate {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The root certificate does not belong to an authority.
    #[error("the certificate in {path} does not belong to an authority, and cannot certify others")]
    NotAnAuthority {
        /// Path of the file.
        path: PathBuf,
    },
    /// Others than the owner can read the private key, or change the file.
    #[error(transparent)]
    AccessRights(#[from] AccessRightsError),
    /// The private key has an unknown type.
    #[error("{path} holds no usable private key")]
    PrivateKey {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: rustls::Error,
    },
    /// The private key belongs to another certificate.
    #[error("the private key {private_key} does not belong to the certificate {certificate}")]
    KeyMismatch {
        /// File of the certificate.
        certificate: PathBuf,
        /// File of the private key.
        private_key: PathBuf,
    },
    /// The revocation list cannot be used.
    #[error("{path} holds no usable revocation list")]
    RevocationList {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: RevocationListError,
    },
    /// TLS refuses the configuration.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// A revocation list was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// The list is not in PEM.
    #[error("it holds no revocation list in PEM")]
    Pem(#[from] pem::Error),
    /// The list cannot be parsed.
    #[error("the revocation list cannot be read: {reason}")]
    Unreadable {
        /// Reason.
        reason: String,
    },
    /// The list is not signed by the trusted authority.
    #[error("the revocation list is not signed by the authority that is trusted here")]
    Signature,
    /// The list is older than the list in use.
    #[error("the revocation list is older than the one in use")]
    Older,
    /// TLS cannot use the list.
    #[error("the revocation list cannot be used")]
    Verifier(#[from] VerifierBuilderError),
}
