//! The key that images are encrypted with.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The key that the client encrypts images with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Encryption {
    /// The public key, as in the paper: anybody who has it can encrypt for the client.
    #[default]
    #[serde(rename = "public")]
    PublicKey,
    /// The secret key. It leaves less noise and takes half the bytes: one of a ciphertext's two polynomials is uniform, and
    /// its seed is sent in its place.
    #[serde(rename = "secret")]
    SecretKey,
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicKey => "public-key",
            Self::SecretKey => "secret-key",
        })
    }
}
