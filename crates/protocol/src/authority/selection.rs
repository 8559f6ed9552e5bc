//! Certificates that are to be revoked.

use std::fmt;

use super::{Holder, Issued};
use crate::Fingerprint;
use crate::tls::Serial;

/// Which certificates are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The one with this serial number.
    Serial(Serial),
    /// All of this name.
    Name(String),
    /// All for these keys.
    Keys(Fingerprint),
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Serial(serial) => write!(f, "the serial number {serial}"),
            Self::Name(name) => write!(f, "the name {name:?}"),
            Self::Keys(keys) => write!(f, "the keys {keys}"),
        }
    }
}

impl Selection {
    /// Whether it means this certificate.
    pub(super) fn means(&self, issued: &Issued) -> bool {
        match (self, &issued.holder) {
            (Self::Serial(serial), _) => *serial == issued.serial,
            (Self::Keys(keys), Holder::Client(subject)) => *keys == subject.keys(),
            (Self::Keys(_), Holder::Provider(_)) => false,
            (Self::Name(name), holder) => *name == holder.to_string(),
        }
    }
}
