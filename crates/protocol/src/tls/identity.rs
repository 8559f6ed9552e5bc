//! Who a client's certificate says that it is.

use std::fmt::Display;

use time::OffsetDateTime;
use x509_parser::extensions::GeneralName;

use super::Serial;
use super::subject::{Subject, SubjectError};
use crate::Fingerprint;

/// A client as its certificate describes it. That the authority has signed the certificate is for TLS to check, before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdentity {
    /// The client's name.
    pub name: String,
    /// The certificate's serial number.
    pub serial: Serial,
    /// The fingerprint of the registration that the client may use.
    pub keys: Fingerprint,
    /// The certificate's last moment.
    pub not_after: OffsetDateTime,
}

/// A certificate that gives no identity, or one that is good no more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The certificate cannot be read.
    #[error("the client's certificate cannot be read: {why}")]
    Unreadable {
        /// What is wrong.
        why: String,
    },
    /// The certificate does not say what it must.
    #[error("the client's certificate does not say whose it is")]
    Subject(#[from] SubjectError),
    /// The certificate's time is over.
    #[error("the certificate of {name} was valid until {not_after}")]
    Expired {
        /// The client's name.
        name: String,
        /// Its last moment.
        not_after: OffsetDateTime,
    },
    /// The authority has revoked the certificate.
    #[error("the certificate {serial} of {name} is revoked")]
    Revoked {
        /// The client's name.
        name: String,
        /// The certificate.
        serial: Serial,
    },
}

impl ClientIdentity {
    /// Reads a certificate's DER.
    ///
    /// # Errors
    /// If it is no certificate, or does not name one client and one registration.
    pub fn from_der(certificate: &[u8]) -> Result<Self, IdentityError> {
        let (behind, parsed) = x509_parser::parse_x509_certificate(certificate).map_err(unreadable)?;
        if !behind.is_empty() {
            return Err(unreadable("there are bytes behind it"));
        }
        let names: Result<Vec<&str>, _> =
            parsed.subject().iter_common_name().map(|name| name.as_str()).collect();
        let alternative = parsed.subject_alternative_name().map_err(unreadable)?;
        let alternative = alternative.iter().flat_map(|names| &names.value.general_names);
        let uris = alternative.filter_map(|name| match name {
            GeneralName::URI(uri) => Some(*uri),
            _ => None,
        });
        let subject = Subject::of(&names.map_err(unreadable)?, uris)?;
        Ok(Self {
            name: subject.name().to_owned(),
            serial: Serial::new(parsed.raw_serial()),
            keys: subject.keys(),
            not_after: parsed.validity().not_after.to_datetime(),
        })
    }
}

fn unreadable(why: impl Display) -> IdentityError {
    IdentityError::Unreadable { why: why.to_string() }
}
