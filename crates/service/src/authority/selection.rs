//! The selection of certificates for revocation.

use std::fmt;

use super::ledger::{CertificateHolder, IssuedCertificate};
use crate::tls::serial_number::SerialNumber;
use sottovoce_protocol::Fingerprint;

/// A selection of certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CertificateSelection {
    /// The certificate with this serial number.
    SerialNumber(SerialNumber),
    /// The certificate with this serial number of this issuer, also if the ledger does not have it.
    OfIssuer {
        /// Serial number of the certificate.
        serial_number: SerialNumber,
        /// Serial number of its issuer.
        issuer: SerialNumber,
    },
    /// All certificates of this name.
    Name(String),
    /// All certificates for these keys: of a client, or of a provider with this public key.
    Keys(Fingerprint),
}

impl fmt::Display for CertificateSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SerialNumber(serial_number) => write!(f, "the serial number {serial_number}"),
            Self::OfIssuer { serial_number, issuer } => {
                write!(f, "the serial number {serial_number} of the issuer {issuer}")
            }
            Self::Name(name) => write!(f, "the name {name:?}"),
            Self::Keys(keys) => write!(f, "the keys {keys}"),
        }
    }
}

impl CertificateSelection {
    /// Returns whether a certificate is selected.
    pub fn includes(&self, issued: &IssuedCertificate) -> bool {
        match self {
            Self::SerialNumber(serial_number) | Self::OfIssuer { serial_number, .. } => {
                *serial_number == issued.serial_number
            }
            Self::Keys(keys) => issued.holder.all_keys().any(|own| own == *keys),
            Self::Name(name) => match &issued.holder {
                holder @ (CertificateHolder::Client(_) | CertificateHolder::Provider { .. }) => {
                    *name == holder.to_string()
                }
                CertificateHolder::Issuer(_) | CertificateHolder::Unknown => false,
            },
        }
    }
}
