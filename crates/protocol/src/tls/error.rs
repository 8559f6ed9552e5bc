//! Why a side of a connection cannot be set up.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;

use super::RevocationListError;

/// A file that cannot be used, or TLS that cannot be set up with it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file is missing or cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than anything that it could be.
    #[error("{path} is larger than {most} bytes, the most that is read")]
    Large {
        /// The file.
        path: PathBuf,
        /// Bytes that are read.
        most: u64,
    },
    /// A file is no PEM, or holds nothing of what it should.
    #[error("{path} holds no {what} in PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// Why not.
        source: pem::Error,
    },
    /// A file holds several certificates where one is meant.
    #[error("{path} holds {found} certificates, but must hold one")]
    SeveralCertificates {
        /// The file.
        path: PathBuf,
        /// Certificates in it.
        found: usize,
    },
    /// A certificate that cannot be read as one.
    #[error("{path} holds no certificate that can be read: {why}")]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A root certificate that is none.
    #[error("the certificate in {path} is no authority's, and cannot vouch for others")]
    NotAnAuthority {
        /// The file.
        path: PathBuf,
    },
    /// A private key that others than its owner can read.
    #[error("{path} can be used by others than its owner (mode {mode:o}); mend it with: chmod 600 {path}")]
    Permissions {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A private key of no kind that is known.
    #[error("{path} holds no private key that can be used")]
    PrivateKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// A private key of another certificate.
    #[error("the private key {private_key} does not belong to the certificate {certificate}")]
    KeyMismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The private key's file.
        private_key: PathBuf,
    },
    /// A revocation list that cannot be used.
    #[error("{path} holds no revocation list that can be used")]
    RevocationList {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RevocationListError,
    },
    /// TLS itself refuses.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}
