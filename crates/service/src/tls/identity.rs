//! The identity in a client's certificate.

use std::fmt::Display;

use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;

use super::serial_number::SerialNumber;
use super::subject::{Subject, SubjectError};
use sottovoce_protocol::Fingerprint;

/// A client as its certificate describes it. TLS has checked the signature of the authority before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Name of the client.
    pub name: String,
    /// Serial number of the certificate.
    pub serial_number: SerialNumber,
    /// Fingerprint of the keys that the client may use.
    pub keys: Fingerprint,
    /// End of the certificate's validity.
    pub not_after: OffsetDateTime,
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
    #[error("the certificate of {name} was valid until {not_after}")]
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
}

impl IdentityError {
    /// Returns whether a certificate that was valid has ended.
    #[must_use]
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Expired { .. } | Self::Revoked { .. })
    }
}

impl ClientIdentity {
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
            not_after: parsed.validity().not_after.to_datetime(),
        })
    }
}

fn unreadable(reason: impl Display) -> IdentityError {
    IdentityError::Unreadable { reason: reason.to_string() }
}
