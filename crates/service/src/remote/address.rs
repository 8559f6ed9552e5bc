//! The address of a provider.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Address of a provider's server: `https://HOST[:PORT]`, or `http://HOST[:PORT]` on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderAddress {
    host: String,
    port: u16,
    secure: bool,
}

/// Port of an address without a port.
pub const DEFAULT_PORT: u16 = 7443;

/// Error of a text that is not a provider's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a provider's address: {reason}")]
pub struct AddressError {
    found: String,
    reason: &'static str,
}

impl ProviderAddress {
    /// Returns the host: a name or an IP address.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns whether connections use TLS.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }
}

impl FromStr for ProviderAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |reason| AddressError { found: text.to_owned(), reason };
        let uri: Uri = text.parse().map_err(|_| wrong("it must have the form https://example.org:7443"))?;
        let secure = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("it must start with https://, or http:// on this machine")),
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("it must end after the port"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("it must not name a user or password"));
        }
        // Names of hosts have no case, and what a client knows of a provider is found by its address.
        let host = authority.host().trim_matches(['[', ']']).to_ascii_lowercase();
        let local = host == "localhost" || host.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
        if !secure && !local {
            return Err(wrong(
                "without TLS (http://) only this machine may be addressed, such as http://127.0.0.1:7443",
            ));
        }
        Ok(Self { host, port: authority.port_u16().unwrap_or(DEFAULT_PORT), secure })
    }
}

impl fmt::Display for ProviderAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        match self.host.contains(':') {
            true => write!(f, "{scheme}://[{}]:{}", self.host, self.port),
            false => write!(f, "{scheme}://{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_survive_printing_and_parsing() {
        for (text, shown) in [
            ("https://example.org", "https://example.org:7443"),
            ("https://Example.ORG:443/", "https://example.org:443"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("http://localhost", "http://localhost:7443"),
            ("https://[::1]:9", "https://[::1]:9"),
        ] {
            let address: ProviderAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse(), Ok(address));
        }
        for text in [
            "",
            "example.org",
            "ftp://a",
            "https://",
            "https://a/b",
            "https://a?b",
            "http://example.org",
            "https://u@a",
        ] {
            let error = text.parse::<ProviderAddress>().unwrap_err().to_string();
            assert!(error.contains("is not a provider's address"), "{error}");
        }
    }
}
