//! The identity in a client's certificate.

use std::fmt::Display;

use parking_lot::Mutex;
use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;

use sottovoce_protocol::Fingerprint;

use super::certificate::Certificate;
use super::client_verifier::{Verdict, error_text};
use super::serial_number::SerialNumber;
use super::subject::{Subject, SubjectError};
use super::validity::date_text;

/// A client as its certificate describes it. TLS has checked the signature of the authority before.
#[derive(Debug)]
pub struct ClientIdentity {
    /// Name of the client.
    pub name: String,
    /// Serial number of the certificate.
    pub serial_number: SerialNumber,
    /// Fingerprint of the keys that the client may use, by which the service knows the client.
    pub keys: Fingerprint,
    /// Fingerprint of the keys for packed evaluation that the client may use as well.
    pub packed_keys: Option<Fingerprint>,
    /// End of the validity of the certificate and of its issuers' certificates.
    pub not_after: OffsetDateTime,
    /// The certificate, then its issuers' certificates.
    pub(super) chain: Vec<CertificateDer<'static>>,
    /// Result of the last verification, and the number of the configuration with which it was made.
    pub(super) verdict: Mutex<Option<(u64, Verdict)>>,
}

/// A certificate gives no identity, or is no longer valid.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate cannot be read.
    #[error("the client's certificate cannot be read: {reason}")]
    Unreadable {
        /// Reason.
        reason: String,
    },
    /// The certificate does not name one client and its keys.
    #[error("the client's certificate does not name one client and its keys")]
    Subject(#[from] SubjectError),
    /// The certificate has expired.
    #[error("the certificate of {name} was valid until {}", date_text(*not_after))]
    Expired {
        /// Name of the client.
        name: String,
        /// End of the certificate's validity.
        not_after: OffsetDateTime,
    },
    /// The authority has revoked the certificate.
    #[error("the certificate {serial_number} of {name} is revoked")]
    Revoked {
        /// Name of the client.
        name: String,
        /// Serial number of the certificate.
        serial_number: SerialNumber,
    },
    /// The authority has revoked the issuer of the certificate.
    #[error("the issuer of the certificate {serial_number} of {name} is revoked")]
    IssuerRevoked {
        /// Name of the client.
        name: String,
        /// Serial number of the client's certificate.
        serial_number: SerialNumber,
    },
    /// The provider's trusted roots or revocation lists no longer cover the certificate.
    #[error("the certificate {serial_number} of {name} is no longer trusted: {}", error_text(reason))]
    Distrusted {
        /// Name of the client.
        name: String,
        /// Serial number of the certificate.
        serial_number: SerialNumber,
        /// Reason.
        reason: rustls::Error,
    },
}

/// The provider's revocation list is too old to tell whether a certificate is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the provider's revocation list was current until {}, so it cannot tell which certificates are revoked",
    date_text(*.current_until)
)]
pub struct OutdatedList {
    /// Time until which the list was current.
    pub current_until: OffsetDateTime,
}

impl IdentityError {
    /// Returns whether a certificate that was valid has ended for good.
    #[must_use]
    pub fn is_end(&self) -> bool {
        match self {
            Self::Expired { .. } | Self::Revoked { .. } | Self::IssuerRevoked { .. } => true,
            // No trusted root has certified the issuer. A missing list of the issuer may still come.
            Self::Distrusted { reason, .. } => {
                matches!(reason, rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))
            }
            Self::Unreadable { .. } | Self::Subject(_) => false,
        }
    }
}

impl ClientIdentity {
    /// Returns the identity of a client of which these facts are stored. Without a chain, the client is revoked if a list names
    /// its serial number: its issuer is not known.
    pub(crate) fn from_record(
        chain: Vec<CertificateDer<'static>>,
        name: String,
        serial_number: SerialNumber,
        keys: Fingerprint,
        not_after: OffsetDateTime,
    ) -> Self {
        Self { name, serial_number, keys, packed_keys: None, not_after, chain, verdict: Mutex::new(None) }
    }

    /// Returns the fingerprints of all keys that the client may use.
    pub fn all_keys(&self) -> impl Iterator<Item = Fingerprint> {
        std::iter::once(self.keys).chain(self.packed_keys)
    }

    /// Returns whether the client may use the keys `key`.
    #[must_use]
    pub fn may_use(&self, key: Fingerprint) -> bool {
        self.all_keys().any(|own| own == key)
    }

    /// Returns the certificate, and then its issuers' certificates.
    pub(crate) fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Reads a certificate that its issuers' certificates follow. Each has been verified ([`ServerTls::read_identity`]).
    ///
    /// # Errors
    /// If the certificate names no client and its keys, or a certificate cannot be parsed.
    ///
    /// [`ServerTls::read_identity`]: super::server::ServerTls::read_identity
    pub fn from_chain(chain: &[CertificateDer<'_>]) -> Result<Self, IdentityError> {
        let Some((leaf, issuers)) = chain.split_first() else { return Err(unreadable("there is none")) };
        let mut identity = Self::from_der(leaf)?;
        for issuer in issuers {
            let issuer = Certificate::parse(issuer.clone().into_owned()).map_err(unreadable)?;
            identity.not_after = identity.not_after.min(issuer.validity().not_after);
            identity.chain.push(issuer.der().clone());
        }
        Ok(identity)
    }

    /// Parses the DER of a certificate.
    ///
    /// # Errors
    /// If the bytes are not a certificate, or do not name one client and its keys.
    pub fn from_der(certificate: &[u8]) -> Result<Self, IdentityError> {
        let (rest, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(unreadable)?;
        if !rest.is_empty() {
            return Err(unreadable("bytes follow the certificate"));
        }
        let names: Result<Vec<&str>, _> =
            parsed.subject().iter_common_name().map(|name| name.as_str()).collect();
        let alternative = parsed.subject_alternative_name().map_err(unreadable)?;
        let alternative = alternative.iter().flat_map(|names| &names.value.general_names);
        let uris = alternative.filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let subject = Subject::from_names(&names.map_err(unreadable)?, uris)?;
        Ok(Self {
            name: subject.name().to_owned(),
            serial_number: SerialNumber::from_bytes(parsed.raw_serial()),
            keys: subject.keys(),
            packed_keys: subject.packed_keys(),
            not_after: parsed.validity().not_after.to_datetime(),
            chain: vec![CertificateDer::from(certificate.to_vec())],
            verdict: Mutex::new(None),
        })
    }
}

/// Identities are equal if their certificates are, whatever the last verification said.
impl PartialEq for ClientIdentity {
    fn eq(&self, other: &Self) -> bool {
        let facts =
            |identity: &Self| (identity.name.clone(), identity.serial_number.clone(), identity.not_after);
        facts(self) == facts(other) && self.all_keys().eq(other.all_keys()) && self.chain == other.chain
    }
}

impl Eq for ClientIdentity {}

fn unreadable(reason: impl Display) -> IdentityError {
    IdentityError::Unreadable { reason: reason.to_string() }
}
