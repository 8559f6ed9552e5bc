//! Errors of the authority.

use std::io;
use std::path::PathBuf;

use time::OffsetDateTime;

use super::host::ParseHostError;
use super::ledger::IssuedCertificate;
use super::selection::CertificateSelection;
use crate::tls::error::TlsError;
use crate::tls::serial_number::SerialNumber;
use crate::tls::subject::SubjectError;
use crate::tls::validity::date_text;
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
    /// The path of a folder belongs to a file.
    #[error("{path} is not a folder, and an authority needs one")]
    NotAFolder {
        /// Path.
        path: PathBuf,
    },
    /// The folder has files of an authority, but no root certificate.
    #[error(
        "{folder} has files of an authority, but no root.pem. If `sottovoce authority create` was interrupted there, remove the \
         folder and run it again; if certificates were issued there, restore root.pem from a backup or a provider"
    )]
    Unfinished {
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
    /// The signed lists cannot be used.
    #[error(
        "{path} cannot be used: {reason}. Replace it with the file that a provider uses; without any copy, move it away and \
         run `sottovoce authority sign-list FOLDER --root`, with root.key.pem in the folder"
    )]
    Lists {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// A file of a certificate or private key cannot be used.
    #[error(transparent)]
    File(#[from] TlsError),
    /// The folder has no root certificate.
    #[error("root.pem holds no certificate")]
    NoRoot,
    /// The file of a private key cannot be used.
    #[error("{path} cannot be used: {reason}")]
    KeyFile {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        reason: String,
    },
    /// The authority's private key cannot sign.
    #[error("{path} holds no private key that can sign")]
    Key {
        /// Path of the file.
        path: PathBuf,
        /// Reason.
        source: rcgen::Error,
    },
    /// The private key belongs to another certificate.
    #[error("the private key in {path} does not belong to its certificate")]
    KeyMismatch {
        /// Path of the file.
        path: PathBuf,
    },
    /// The private key is encrypted, and there is no passphrase.
    #[error("the private key in {path} is encrypted, and needs the authority's passphrase")]
    PassphraseNeeded {
        /// Path of the file.
        path: PathBuf,
    },
    /// The passphrase does not decrypt the private key.
    #[error("the passphrase does not open {path}")]
    WrongPassphrase {
        /// Path of the file.
        path: PathBuf,
    },
    /// Others may know the passphrase.
    #[error(
        "others than its owner may have read the passphrase in {path}: choose another passphrase (`sottovoce authority encrypt \
         FOLDER`), or, if nobody has read it, correct this with: chmod 600 {path}"
    )]
    PassphraseReadable {
        /// Path of the file.
        path: PathBuf,
    },
    /// The passphrase of a new key is too short.
    #[error("the passphrase has {found} bytes, but must have at least {min}")]
    ShortPassphrase {
        /// Length in bytes.
        found: usize,
        /// Minimum length in bytes.
        min: usize,
    },
    /// A private key cannot be encrypted.
    #[error("the private key cannot be encrypted: {reason}")]
    Encryption {
        /// Reason.
        reason: String,
    },
    /// The root's private key is not in the folder.
    #[error(
        "there is no {path}: this command needs the root's private key. Put the file back for as long as the command runs"
    )]
    NoRootKey {
        /// Path of the file.
        path: PathBuf,
    },
    /// The issuer's private key is not in the folder.
    #[error(
        "there is no {path}: restore it from a backup, or make another issuer with `sottovoce authority renew-issuer FOLDER`"
    )]
    NoIssuer {
        /// Path of the file.
        path: PathBuf,
    },
    /// No root has signed the issuer.
    #[error(
        "no certificate in root.pem has signed the issuer in {path}: the files belong to different authorities"
    )]
    ForeignIssuer {
        /// Path of the file.
        path: PathBuf,
    },
    /// The root cannot sign issuers.
    #[error(
        "this authority was made by a former version, and its root cannot sign issuers; make another root with `sottovoce \
         authority new-root FOLDER`"
    )]
    NoIssuers,
    /// The change of the root was interrupted.
    #[error(
        "{path} belongs to a root that is not in root.pem: `sottovoce authority new-root` was interrupted. Run it again"
    )]
    NextRoot {
        /// Path of the file.
        path: PathBuf,
    },
    /// The root that is to be retired is in use.
    #[error(
        "valid certificates depend on a former root, and nobody would accept them afterwards: {}. Issue them again for the same names \
         and keys, or revoke them (`sottovoce authority revoke FOLDER --serial SERIAL`)",
        certificate_texts(certificates)
    )]
    RootInUse {
        /// The certificates that have no successor.
        certificates: Vec<IssuedCertificate>,
    },
    /// The ledger does not have the certificate, so its issuer is not known.
    #[error(
        "issued.csv has no certificate {serial_number}, so nobody can tell which issuer has signed it; nothing was revoked. If the \
         number is right and the ledger lost the entry, name the issuer with --issuer: `openssl x509 -noout -issuer -in FILE` shows \
         it in the certificate, and `sottovoce clients list --json` on a provider for a client"
    )]
    UnknownIssuer {
        /// Serial number of the certificate.
        serial_number: SerialNumber,
    },
    /// The serial number cannot be one of this authority.
    #[error(
        "{serial_number} is not the serial number of a certificate: it has 32 hexadecimal digits, of which the first is 4 to 7"
    )]
    SerialNumber {
        /// The number.
        serial_number: SerialNumber,
    },
    /// The private key of the named issuer is not in the folder.
    #[error(
        "{issuer} is no issuer whose private key is in the folder, so it cannot revoke {serial_number}; `sottovoce authority list FOLDER` \
         shows the issuers. Restore the newest copy of the folder; if there is none and revoked.pem has the issuer's list, revoke \
         the issuer with all its certificates (`sottovoce authority revoke FOLDER --serial {issuer}`, which needs root.key.pem)"
    )]
    IssuerNotHere {
        /// Serial number of the certificate.
        serial_number: SerialNumber,
        /// Serial number of the issuer.
        issuer: SerialNumber,
    },
    /// Another issuer has signed the certificate.
    #[error("the certificate {serial_number} was signed by {issuer}, and not by the issuer that was named")]
    OtherIssuer {
        /// Serial number of the certificate.
        serial_number: SerialNumber,
        /// Serial number of its issuer.
        issuer: SerialNumber,
    },
    /// A former root has signed the present issuer.
    #[error(
        "a former root has signed the present issuer; make another one with `sottovoce authority renew-issuer FOLDER`"
    )]
    IssuerOfFormerRoot,
    /// The present issuer is to be revoked.
    #[error(
        "{serial_number} is the present issuer; replace and revoke it with `sottovoce authority renew-issuer FOLDER --revoke-former`"
    )]
    PresentIssuer {
        /// Serial number of the issuer.
        serial_number: SerialNumber,
    },
    /// The present issuer is revoked, because its replacement was interrupted.
    #[error(
        "the present issuer {serial_number} is revoked, so it can issue no certificates; make another one with `sottovoce authority \
         renew-issuer FOLDER`"
    )]
    RevokedIssuer {
        /// Serial number of the issuer.
        serial_number: SerialNumber,
    },
    /// There is no former root.
    #[error("root.pem holds one certificate, so there is no former root to retire")]
    NoFormerRoot,
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
    /// A client's request is needed, but this is a provider's.
    #[error("this is a provider's request; use `sottovoce authority provider FOLDER REQUEST`")]
    RequestOfProvider,
    /// A provider's request is needed, but this is a client's.
    #[error("this is a client's request; use `sottovoce authority issue FOLDER REQUEST`")]
    RequestOfClient,
    /// The keys of the request are not those that its sender named.
    ///
    /// The fingerprint in the request is not named, because its sender must tell it over another channel.
    #[error(
        "the request has another key than {confirmed}, for which it was confirmed; ask its sender again, and use the request that \
         this sender made"
    )]
    NotConfirmed {
        /// Fingerprint that was confirmed.
        confirmed: Fingerprint,
    },
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
    /// The name is certified with other keys.
    #[error(
        "{holder} has a valid certificate, {serial_number}, for the other keys {keys}; revoke it first, or allow other keys \
         explicitly"
    )]
    OtherKeys {
        /// Name of the client, or hosts of the provider.
        holder: String,
        /// Serial number of the valid certificate.
        serial_number: SerialNumber,
        /// Fingerprint of the keys in it.
        keys: Fingerprint,
    },
    /// The validity is too short or too long.
    #[error("{found} days were requested, but 1 to {max} days are allowed")]
    Days {
        /// Requested days.
        found: u32,
        /// Maximum number of days.
        max: u32,
    },
    /// The certificate would outlive its signer.
    #[error(
        "the certificate that would sign expires at {}, in less than {days} days; request fewer days, or make another issuer with \
         `sottovoce authority renew-issuer FOLDER` or another root with `new-root FOLDER`",
        date_text(*not_after)
    )]
    Outlives {
        /// Requested days.
        days: u32,
        /// End of the validity of the signer's certificate.
        not_after: OffsetDateTime,
    },
    /// The provider has no host.
    #[error("a provider needs at least one host name or IP address")]
    NoHosts,
    /// A host of a provider's request is not a DNS name or an IP address.
    #[error("the request names a host that cannot be certified")]
    Host(#[from] ParseHostError),
    /// No issued certificate was selected.
    #[error(
        "no certificate was issued with {selection}{}",
        hosts.as_ref().map(|hosts| format!("; a provider's name is all of its hosts: --name {hosts:?}")).unwrap_or_default()
    )]
    Unknown {
        /// Selected certificates.
        selection: CertificateSelection,
        /// All hosts of a provider that has the selected name among them.
        hosts: Option<String>,
    },
    /// The operating system gives no random numbers.
    #[error("the operating system gives no random numbers")]
    Random,
    /// A date cannot be formatted.
    #[error("a date cannot be formatted")]
    Date(#[from] time::error::Format),
    /// A certificate that was made cannot be read.
    #[error("the certificate cannot be read: {reason}")]
    Certificate {
        /// Reason.
        reason: String,
    },
    /// A key or certificate cannot be made.
    #[error("the certificate cannot be made")]
    Making(#[from] rcgen::Error),
}

/// Number of certificates that an error names.
const MAX_NAMED: usize = 10;

/// Returns names, serial numbers and ends of certificates.
fn certificate_texts(certificates: &[IssuedCertificate]) -> String {
    let named = certificates.iter().take(MAX_NAMED).map(|issued| {
        format!("{}, serial {}, until {}", issued.holder, issued.serial_number, date_text(issued.not_after))
    });
    let mut texts: Vec<String> = named.collect();
    if let Some(others @ 1..) = certificates.len().checked_sub(MAX_NAMED) {
        texts.push(format!("and {others} more"));
    }
    texts.join("; ")
}
