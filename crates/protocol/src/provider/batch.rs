//! Batches that a provider has received and evaluated.

use sottovoce_bfv::{EncryptedBatch, LayerTime};

use super::key_cache::RegisteredKey;
use crate::fingerprint::Fingerprint;
use crate::message::batch::BatchHeader;

/// A batch that was read and checked, with the client's keys that it names.
pub struct ReceivedBatch {
    pub(crate) batch: EncryptedBatch,
    pub(super) key: RegisteredKey,
    pub(crate) header: BatchHeader,
    pub(super) fingerprint: Fingerprint,
}

impl ReceivedBatch {
    /// Fingerprint of the client's keys.
    #[must_use]
    pub fn key_fingerprint(&self) -> Fingerprint {
        self.key.fingerprint()
    }

    /// Fingerprint of the model that the batch is for.
    #[must_use]
    pub fn model_fingerprint(&self) -> Fingerprint {
        self.header.model
    }

    /// Fingerprint of the batch message, which the answer names.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// Answers to a batch, as messages.
pub struct EvaluatedBatch {
    /// Answer message with the ensemble's logits.
    pub answer: Vec<u8>,
    /// Answer messages with every member's logits, if the caller asked for them. A service must not send them.
    pub member_answers: Vec<Vec<u8>>,
    /// Wall-clock time of every layer.
    pub layer_times: Vec<LayerTime>,
}
