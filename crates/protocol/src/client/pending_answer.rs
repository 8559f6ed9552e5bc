//! Expected answers.

use sottovoce_bfv::packed::PackedInput;

use crate::fingerprint::Fingerprint;
use crate::message::answer::AnswerHeader;
use crate::message::model::ModelDescription;

/// A batch that was sent, with the properties that its answer must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingAnswer {
    pub(super) key: Fingerprint,
    pub(super) header: AnswerHeader,
    pub(super) classes: usize,
    pub(super) images: usize,
    /// Present under packed parameters.
    pub(super) packed: Option<PackedInput>,
}

impl PendingAnswer {
    /// Returns the expected answer of another model to the same batch
    /// ([`Provider::evaluate_model`](crate::provider::Provider::evaluate_model)).
    #[must_use]
    pub fn for_model(&self, model: &ModelDescription) -> Self {
        let header = AnswerHeader { model: model.fingerprint, ..self.header };
        Self { header, classes: model.classes, packed: model.packed, ..self.clone() }
    }

    /// Number of images in the batch. They are in the first slots. The other slots hold blank images. A packed batch has one image,
    /// which is in slot 0 of the decrypted logits.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Number of classes. The answer has one logit per class.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Fingerprint of the batch message, which the answer names.
    #[must_use]
    pub fn batch_fingerprint(&self) -> Fingerprint {
        self.header.batch
    }
}
