//! The service's notes about a client beside its registration message.

use std::str::FromStr as _;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::provider::Provider;
use time::OffsetDateTime;

use crate::tls::certificate::Certificate;
use crate::tls::identity::ClientIdentity;
use crate::tls::serial_number::SerialNumber;

/// Facts about a registration. They are stored as JSON beside the message; later versions may add fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// Certificate with which the client registered, or its successor. `None` if the client has none, or has not used the keys
    /// since an earlier version of this program stored them.
    pub certificate: Option<RegisteredCertificate>,
    /// Fingerprint of the parameters that the keys are for.
    pub parameters: String,
    /// Length of the registration message.
    pub bytes: u64,
    /// Time of the registration in Unix seconds. `None` if an earlier version of this program stored it.
    pub registered: Option<i64>,
    /// Time of the last use in Unix seconds, or the first time at which this version found the registration.
    pub last_used: i64,
}

/// A client's certificate in a registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegisteredCertificate {
    /// Name of the client.
    pub name: String,
    /// Serial number in hexadecimal.
    pub serial_number: String,
    /// End of the validity in Unix seconds.
    pub not_after: i64,
    /// The certificate and then its issuers' certificates, in hexadecimal. Empty if an earlier version of this program stored the
    /// registration, and the client has not used the keys since.
    #[serde(default)]
    pub chain: Vec<String>,
}

impl Registration {
    /// Returns the facts about a message that `client` registers now.
    pub fn new(message: &[u8], client: Option<&ClientIdentity>) -> Self {
        let now = unix_now();
        Self {
            certificate: client.map(RegisteredCertificate::of),
            registered: Some(now),
            ..Self::found(message)
        }
    }

    /// Returns the facts about a message of which nothing else is known.
    pub fn found(message: &[u8]) -> Self {
        Self {
            certificate: None,
            parameters: Provider::parameters_of(message).map_or_else(String::new, |found| found.to_string()),
            bytes: message.len() as u64,
            registered: None,
            last_used: unix_now(),
        }
    }

    /// Returns whether the keys are for one of these parameters.
    pub fn is_for(&self, mut parameters: impl Iterator<Item = Fingerprint>) -> bool {
        parameters.any(|parameters| self.parameters == parameters.to_string())
    }

    /// Returns the client, if its certificate is known.
    pub fn identity(&self, keys: Fingerprint) -> Option<ClientIdentity> {
        let certificate = self.certificate.as_ref()?;
        Some(ClientIdentity::from_record(
            certificate.chain(),
            certificate.name.clone(),
            SerialNumber::from_str(&certificate.serial_number).ok()?,
            keys,
            OffsetDateTime::from_unix_timestamp(certificate.not_after).ok()?,
        ))
    }
}

impl RegisteredCertificate {
    /// Returns the certificate of a client.
    pub fn of(identity: &ClientIdentity) -> Self {
        Self {
            name: identity.name.clone(),
            serial_number: identity.serial_number.to_string(),
            not_after: identity.not_after.unix_timestamp(),
            chain: identity.chain().iter().map(hex::encode).collect(),
        }
    }

    /// Returns the serial number of the issuer's certificate, if it is known.
    pub fn issuer(&self) -> Option<SerialNumber> {
        let issuer = self.chain().into_iter().nth(1)?;
        Certificate::parse(issuer).ok().map(|issuer| issuer.serial_number().clone())
    }

    /// Returns the certificate and its issuers' certificates, or nothing if they are not known.
    fn chain(&self) -> Vec<CertificateDer<'static>> {
        let chain = self.chain.iter().map(|certificate| hex::decode(certificate).map(CertificateDer::from));
        chain.collect::<Result<_, _>>().unwrap_or_default()
    }
}

/// Returns the present time in Unix seconds.
pub fn unix_now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
