//! The header that every message starts with: magic, version, kind, fingerprint of the parameters.

use std::fmt;

use crate::fingerprint::Fingerprint;

/// First bytes of every message.
pub const MAGIC: [u8; 4] = *b"svce";

/// Version of the format. It covers the layout of messages, and `fhe` 0.1.1's choice of primes, order of transformed
/// values and expansion of seeds.
pub const VERSION: u16 = 4;

/// Offset of the fingerprint of the parameters: behind magic, version and kind.
const FINGERPRINT_OFFSET: usize = 4 + 2 + 2;

/// Length of a header in bytes.
pub const HEADER_BYTES: usize = FINGERPRINT_OFFSET + Fingerprint::BYTES;

/// Length of a checksum in bytes.
pub const CHECKSUM_BYTES: usize = Fingerprint::BYTES;

/// Kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MessageKind {
    /// BFV parameters, from the provider.
    Parameters,
    /// Description of a model, from the provider.
    Model,
    /// A client's public and evaluation keys. The provider multiplies ciphertexts with the evaluation key, and randomises
    /// answers with the public key.
    Registration,
    /// Encrypted images, from the client.
    Batch,
    /// Encrypted logits, from the provider.
    Answer,
}

impl MessageKind {
    /// Returns the number of this kind in a header.
    pub(crate) fn number(self) -> u16 {
        match self {
            Self::Parameters => 1,
            Self::Model => 2,
            Self::Registration => 3,
            Self::Batch => 4,
            Self::Answer => 5,
        }
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Parameters => "parameters",
            Self::Model => "model",
            Self::Registration => "registration",
            Self::Batch => "batch",
            Self::Answer => "answer",
        })
    }
}

/// Returns the header of a message.
pub fn encode_header(kind: MessageKind, parameters: Fingerprint) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.extend(MAGIC);
    header.extend(VERSION.to_le_bytes());
    header.extend(kind.number().to_le_bytes());
    header.extend(parameters.as_bytes());
    header
}

/// Returns the fingerprint of the parameters in the header of a trusted message, or `None` if the message is too short.
pub fn parameters_fingerprint(message: &[u8]) -> Option<Fingerprint> {
    let bytes = message.get(FINGERPRINT_OFFSET..)?.first_chunk()?;
    Some(Fingerprint::from_bytes(*bytes))
}
