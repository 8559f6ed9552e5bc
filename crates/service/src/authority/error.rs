//! Errors of the authority.

use std::io;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::selection::CertificateSelection;
use crate::tls::error::TlsError;
use crate::tls::serial_number::SerialNumber;
use crate::tls::subject::SubjectError;
use sottovoce_protocol::Fingerprint;

/// The authority could not or did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// The folder holds an authority already.
    #[error("{folder} already holds an authority, which is not replaced")]
    Exists {
        /// Path of the folder.
        folder: PathBuf,
    },
    /// The folder of a new authority is not empty.
    #[error("{folder} is not empty, but an authority needs a folder of its own")]
    NotEmpty {
        /// Path of the folder.
        folder: PathBuf,
    },
    /// The folder holds no authority.
    #[error("there is no authority in {folder}: it has no file root.pem")]
    Missing {
        /// Path of the folder.
        folder: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// Path of the file or folder.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// The folder cannot be locked against other programs.
    #[error("cannot lock {path}")]
    Lock {
        /// Path of the file that is locked.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// A line of a list is not in the form that the authority writes.
    #[error("{path}, line {line}: this is not in the form that an authority writes")]
    Line {
        /// Path of the file.
        path: PathBuf,
        /// Number of the line, from 1.
        line: usize,
    },
    /// A revoked certificate is missing from the list of issued certificates.
    #[error("{path} has the certificate {serial_number}, but issued.csv in the same folder does not")]
    NotIssued {
        /// Path of the file.
        path: PathBuf,
        /// Serial number of the certificate.
        serial_number: SerialNumber,
    },
    /// A file of a certificate or private key cannot be used.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The authority's private key cannot sign.
    #[error("{path} holds no private key that can sign")]
    Key {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: rcgen::Error,
    },
    /// The request is too long.
    #[error("the request has {found} bytes, but the maximum is {max}")]
    RequestSize {
        /// Length of the request in bytes.
        found: usize,
        /// Maximum length in bytes.
        max: usize,
    },
    /// The request cannot be parsed, or its signature is wrong.
    #[error("this is not a usable certificate request")]
    Request(#[source] rcgen::Error),
    /// The request has a key of another type.
    #[error("the request's key must be ECDSA on P-256, and sign with SHA-256")]
    RequestKey,
    /// The name or the keys cannot be certified.
    #[error("the certificate needs the name of one client and the fingerprint of its keys")]
    Subject(#[from] SubjectError),
    /// The keys are certified under another name.
    #[error("the keys {keys} belong to {name}, whose certificate is valid; revoke it first")]
    KeysTaken {
        /// Fingerprint of the keys.
        keys: Fingerprint,
        /// Name under which they are certified.
        name: String,
    },
    /// The validity is too short or too long.
    #[error("certificates are valid for 1 to {max} days, but {found} days were requested")]
    Days {
        /// Requested days.
        found: u32,
        /// Maximum number of days.
        max: u32,
    },
    /// The certificate would outlive the authority.
    #[error("the authority's certificate expires at {not_after}, in less than {days} days")]
    Outlives {
        /// Requested days.
        days: u32,
        /// End of the validity of the authority's certificate.
        not_after: OffsetDateTime,
    },
    /// The provider has no host.
    #[error("a provider needs at least one host name or IP address")]
    NoHosts,
    /// No issued certificate was selected.
    #[error("no certificate was issued with {selection}")]
    Unknown {
        /// Selected certificates.
        selection: CertificateSelection,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
    /// A date cannot be formatted.
    #[error("a date cannot be formatted")]
    Date(#[from] time::error::Format),
    /// A key or certificate cannot be made.
    #[error("the certificate cannot be made")]
    Making(#[from] rcgen::Error),
}
