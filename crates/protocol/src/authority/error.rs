//! Why the authority does not do something.

use std::io;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::{MOST_DAYS, Selection};
use crate::Fingerprint;
use crate::tls::{Serial, SubjectError, TlsError};

/// Something that the authority could not or would not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthorityError {
    /// An authority is there already.
    #[error("there is an authority in {folder} already, and it is not replaced")]
    Exists {
        /// The folder.
        folder: PathBuf,
    },
    /// A folder for an authority holds something else.
    #[error("{folder} is not empty, but an authority needs a folder of its own")]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// There is no authority.
    #[error("there is no authority in {folder}: it has no file root.pem")]
    Missing {
        /// The folder.
        folder: PathBuf,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder cannot be kept from other programs.
    #[error("cannot lock {path}")]
    Lock {
        /// The file that is locked.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line of a list is not as the authority writes them.
    #[error("{path}, line {line}: not as an authority writes it")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// A revoked certificate is missing from the list of those that were issued.
    #[error("{path} has the certificate {serial}, but issued.csv beside it does not")]
    NotIssued {
        /// The file.
        path: PathBuf,
        /// The certificate.
        serial: Serial,
    },
    /// A certificate's file cannot be used.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The authority's key is of a kind that is not known.
    #[error("{path} holds no private key that can sign")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rcgen::Error,
    },
    /// A request is longer than any should be.
    #[error("the request has {found} bytes, but {most} are enough for any")]
    RequestSize {
        /// Its bytes.
        found: usize,
        /// Bytes that are read.
        most: usize,
    },
    /// A request cannot be read, or its signature is wrong.
    #[error("this is no certificate request that can be used")]
    Request(#[source] rcgen::Error),
    /// A request's key is of another kind.
    #[error("the request's key must be ECDSA on P-256, and sign with SHA-256")]
    RequestKey,
    /// A name or keys that cannot be vouched for.
    #[error("whom the certificate is for is not clear")]
    Subject(#[from] SubjectError),
    /// The keys are vouched for under another name.
    #[error("the keys {keys} belong to {name}, whose certificate is good; revoke it first")]
    KeysTaken {
        /// The keys.
        keys: Fingerprint,
        /// Whose they are.
        name: String,
    },
    /// No certificate has such a validity.
    #[error("certificates are issued for 1 to {MOST_DAYS} days, but not for {found}")]
    Days {
        /// Days asked for.
        found: u32,
    },
    /// A certificate would outlive the authority.
    #[error("the authority ends at {not_after}, before {days} days are over")]
    Outlives {
        /// Days asked for.
        days: u32,
        /// The authority's last moment.
        not_after: OffsetDateTime,
    },
    /// A provider that nothing reaches.
    #[error("a provider needs at least one host name or IP address")]
    NoHosts,
    /// What is neither a host's name nor its address.
    #[error("{found:?} is neither a DNS name nor an IP address")]
    Host {
        /// The beginning of it.
        found: String,
    },
    /// There is no such certificate.
    #[error("no certificate was issued with {selection}")]
    Unknown {
        /// What was asked for.
        selection: Selection,
    },
    /// The system has no randomness to give.
    #[error("the operating system gives no random numbers")]
    Random,
    /// A date that cannot be written.
    #[error("a date cannot be written")]
    Date(#[from] time::error::Format),
    /// A key or certificate could not be made.
    #[error("the certificate cannot be made")]
    Making(#[from] rcgen::Error),
}
