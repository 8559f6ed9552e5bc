//! Hosts of a provider.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use rcgen::SanType;
use rustls::pki_types::DnsName;

use crate::tls::excerpt::excerpt;

/// Host of a provider: a DNS name or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A DNS name.
    Name(DnsName<'static>),
    /// An IP address.
    Address(IpAddr),
}

/// Error of a text that is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is neither a DNS name nor an IP address")]
pub struct ParseHostError {
    /// Beginning of the text.
    pub found: String,
}

impl FromStr for Host {
    type Err = ParseHostError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Ok(address) = text.parse() {
            return Ok(Self::Address(address));
        }
        let name = DnsName::try_from(text.to_owned());
        name.map(Self::Name).map_err(|_| ParseHostError { found: excerpt(text) })
    }
}

impl Host {
    /// Returns the host as an alternative name of a certificate.
    pub(super) fn alternative_name(&self) -> Result<SanType, rcgen::Error> {
        match self {
            Self::Name(name) => Ok(SanType::DnsName(name.as_ref().try_into()?)),
            Self::Address(address) => Ok(SanType::IpAddress(*address)),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name.as_ref()),
            Self::Address(address) => address.fmt(f),
        }
    }
}
