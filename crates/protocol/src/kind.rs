//! The kinds of messages.

use std::fmt;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// BFV parameters, from the provider.
    Parameters,
    /// What a client must know of a model, from the provider.
    Model,
    /// The client's keys that a provider needs: it squares ciphertexts with one, and makes answers anew with the other.
    Registration,
    /// Images under encryption, from the client.
    Batch,
    /// Logits under encryption, from the provider.
    Answer,
}

impl Kind {
    /// The number that stands for it in a message.
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

impl fmt::Display for Kind {
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
