//! Serial numbers of certificates.

use std::fmt;
use std::str::FromStr;

use crate::hexadecimal;

/// A certificate's serial number: by it, the authority revokes.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Serial(Vec<u8>);

impl Serial {
    /// The number with these bytes, the most significant first.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        // DER puts a zero before numbers whose first bit is set; the number is the same.
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Self(bytes[zeros..].to_vec())
    }

    /// The bytes, the most significant first, without zeros before them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A text that is no serial number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no serial number, which has pairs of hexadecimal digits")]
pub struct ParseSerialError {
    /// The beginning of the text.
    pub found: String,
}

impl FromStr for Serial {
    type Err = ParseSerialError;

    /// Reads pairs of hexadecimal digits, as [`Display`](fmt::Display) writes them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = hexadecimal::decode(text).filter(|bytes| !bytes.is_empty());
        let bytes = bytes.ok_or_else(|| ParseSerialError { found: hexadecimal::shown(text) })?;
        Ok(Self::new(&bytes))
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
