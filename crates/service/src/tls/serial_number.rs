//! SerialNumber numbers of certificates.

use std::fmt;
use std::str::FromStr;

use super::excerpt::excerpt;

/// Serial number of a certificate. The authority revokes certificates by their serial numbers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber(Vec<u8>);

impl SerialNumber {
    /// Returns the number with these big-endian bytes.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // DER puts a zero byte before a number whose first bit is set. The zero does not change the number.
        Self(bytes.iter().copied().skip_while(|&byte| byte == 0).collect())
    }

    /// Returns the big-endian bytes without leading zeros.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Error of a text that is not a serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a serial number, which has pairs of hexadecimal digits")]
pub struct ParseSerialNumberError {
    /// Beginning of the text.
    pub found: String,
}

impl FromStr for SerialNumber {
    type Err = ParseSerialNumberError;

    /// Parses pairs of hexadecimal digits in lower or upper case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match hex::decode(text) {
            Ok(bytes) if !bytes.is_empty() => Ok(Self::from_bytes(&bytes)),
            _ => Err(ParseSerialNumberError { found: excerpt(text) }),
        }
    }
}

impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
