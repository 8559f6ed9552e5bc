//! The key that images are encrypted with, as options and configurations name it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sottovoce_bfv::parameters::Encryption;

/// The key that images are encrypted with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum KeyRule {
    /// The client's public key, as in the paper.
    #[default]
    Public,
    /// The client's secret key: half the bytes, less noise.
    Secret,
    /// The key with the shorter predicted time.
    Auto,
}

impl KeyRule {
    /// The kind of encryption that the rule fixes; `None` if the planner chooses.
    pub fn encryption(self) -> Option<Encryption> {
        match self {
            Self::Public => Some(Encryption::PublicKey),
            Self::Secret => Some(Encryption::SecretKey),
            Self::Auto => None,
        }
    }
}
