//! Errors of certificates, private keys and revocation lists.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;
use sottovoce_network::access_rights::AccessRightsError;
use time::OffsetDateTime;

use super::serial_number::SerialNumber;
use super::validity::{NotValid, date_text};

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
        source: PemProblem,
    },
    /// The certificate cannot be parsed.
    #[error("{path} holds no readable certificate: {reason}")]
    Certificate {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// A certificate of the provider's chain has expired or is not valid yet.
    #[error(
        "{holder} in {path} {problem}, and now it is {now} by this machine's clock; check the clock, or take a new certificate of the \
         authority (`sottovoce authority provider FOLDER`)",
        path = path.display(),
        now = date_text(*now)
    )]
    NotValidNow {
        /// Path of the file.
        path: PathBuf,
        /// Holder of the certificate.
        holder: String,
        /// Reason.
        problem: NotValid,
        /// Present time.
        now: OffsetDateTime,
    },
    /// No root certificate is valid.
    #[error(
        "no root certificate in {path} is valid now: the first one {problem}; check this machine's clock, or take the authority's \
         present root.pem",
        path = path.display()
    )]
    NoValidRoot {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        problem: String,
    },
    /// Clients would not accept the provider's certificate.
    #[error(
        "the roots that are trusted here do not certify {path} for a provider; the file must hold a provider's certificate and then \
         its issuer's, and root.pem must be that of the same authority",
        path = path.display()
    )]
    Untrusted {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: rustls::Error,
    },
    /// The root certificate does not belong to an authority.
    #[error("the certificate in {path} does not belong to an authority, and cannot certify others")]
    NotAnAuthority {
        /// Path of the file.
        path: PathBuf,
    },
    /// The certificate is that of an issuer.
    #[error(
        "{path} holds the certificate of {subject}, which another one signed, so it is no root. Is this revoked.pem? Use the \
         authority's root.pem",
        path = path.display()
    )]
    NotARoot {
        /// Path of the file.
        path: PathBuf,
        /// Name in the certificate.
        subject: String,
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
    /// The revocation list would admit certificates that were revoked before.
    #[error(
        "{path} cannot replace the revocation list that was in use before and is kept in {kept}; copy the authority's newest \
         revoked.pem to {path}. If the authority was restored from a backup, revoke there again what is missing (`sottovoce authority \
         revoke FOLDER`), which signs a newer list. Only if it is certain that nothing else was revoked, remove {kept}",
        path = path.display(),
        kept = kept.display()
    )]
    RevocationsWithdrawn {
        /// Path of the list.
        path: PathBuf,
        /// Path of the list that was in use before.
        kept: PathBuf,
        /// Reason.
        source: RevocationListError,
    },
    /// The revocation list that was in use before is damaged.
    #[error(
        "the revocation list that was in use before cannot be read, and without it nobody can tell whether revocations were withdrawn; \
         restore {kept} from a backup, or remove it if {path} is certainly the authority's newest revoked.pem",
        path = path.display(),
        kept = kept.display()
    )]
    KeptRevocations {
        /// Path of the list.
        path: PathBuf,
        /// Path of the list that was in use before.
        kept: PathBuf,
        /// Reason.
        source: Box<TlsError>,
    },
    /// The revocation list in use cannot be kept for the next start.
    #[error("cannot write {path}, which keeps the revocation list in use for the next start", path = path.display())]
    Keep {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: io::Error,
    },
    /// TLS refuses the configuration.
    #[error("TLS cannot be set up")]
    Setup(#[from] rustls::Error),
}

/// A text is not the expected PEM. Neither message nor value has parts of the text, which may be those of a private key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PemProblem {
    /// No section has the expected label.
    #[error("no section has the expected label")]
    NothingFound,
    /// The line at the end of a section is missing.
    #[error(
        "the line `-----END ...-----` of a section is missing or is that of another label, so the text may be cut off"
    )]
    MissingEnd,
    /// The line at the start of a section is damaged.
    #[error("a line starts with `-----BEGIN`, but does not end with `-----`")]
    Start,
    /// A section is not in Base64.
    #[error("a section is not in Base64")]
    Base64,
    /// The text cannot be parsed for another reason.
    #[error("the text cannot be parsed")]
    Other,
}

impl From<pem::Error> for PemProblem {
    fn from(error: pem::Error) -> Self {
        match error {
            pem::Error::NoItemsFound => Self::NothingFound,
            pem::Error::MissingSectionEnd { .. } => Self::MissingEnd,
            pem::Error::IllegalSectionStart { .. } => Self::Start,
            pem::Error::Base64Decode(_) => Self::Base64,
            _ => Self::Other,
        }
    }
}

/// A revocation list was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// The list is not in PEM.
    #[error("it holds no revocation list in PEM")]
    Pem(#[from] PemProblem),
    /// The list cannot be parsed.
    #[error("the revocation list cannot be read: {reason}")]
    Unreadable {
        /// Reason.
        reason: String,
    },
    /// No list is signed by a trusted authority.
    #[error("the revocation list is not signed by the authority that is trusted here")]
    Signature,
    /// A list is older than the list in use.
    #[error(
        "the revocation list of {signer} has the number {found} and is older than the one in use, {in_use}"
    )]
    Older {
        /// Signer of the list.
        signer: String,
        /// Number of the list.
        found: String,
        /// Number of the list in use.
        in_use: String,
    },
    /// Two lists have the same number and different content.
    #[error(
        "the revocation list of {signer} has the same number as the one in use, {number}, but other revoked certificates"
    )]
    SameNumber {
        /// Signer of the list.
        signer: String,
        /// Number of both lists.
        number: String,
    },
    /// A revoked certificate is missing.
    #[error(
        "the revocation list of {signer} does not contain the certificate {serial_number}, which is revoked in the one in use"
    )]
    NoLongerRevoked {
        /// Signer of the list.
        signer: String,
        /// First missing certificate.
        serial_number: SerialNumber,
    },
    /// The list of a signer is missing.
    #[error("there is no valid revocation list of {signer}, but there is one in use")]
    Missing {
        /// Signer of the list.
        signer: String,
    },
}
