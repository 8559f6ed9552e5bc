//! Images that the provider has received, encrypted once for all ensembles.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_protocol::{ModelDescription, PendingAnswer, ReceivedBatch};

use crate::EvaluateError;
use crate::session::Session;

/// A batch as the provider has it, and what the client keeps of it.
pub struct Received {
    pub batch: ReceivedBatch,
    pub pending: PendingAnswer,
    /// Quantising and encrypting.
    pub encrypt: Duration,
    /// Writing and reading the message.
    pub transfer: Duration,
    /// The message's.
    pub bytes: usize,
}

/// Batches that stay in memory, enough for MNIST's test images: with a ciphertext modulus of 144 bits a batch of the paper's
/// images takes 116 MB under the secret key and 231 MB under the public key.
const HELD_BATCHES: usize = 2;

/// The images to classify under encryption, each batch encrypted and sent when it is first asked for.
///
/// The first two batches are kept for every ensemble that comes after; those beyond, which memory might not hold, are
/// encrypted anew.
pub struct EncryptedSet<'a> {
    pub(crate) session: &'a Session,
    pub(crate) images: &'a LabelledImages,
    held: [OnceLock<Arc<Received>>; HELD_BATCHES],
}

impl<'a> EncryptedSet<'a> {
    /// Nothing is encrypted yet.
    #[must_use]
    pub fn new(session: &'a Session, images: &'a LabelledImages) -> Self {
        Self { session, images, held: [const { OnceLock::new() }; HELD_BATCHES] }
    }

    /// A batch, which any model that reads such images can be evaluated on.
    pub(crate) fn batch(
        &self,
        index: usize,
        model: &ModelDescription,
        progress: &dyn ProgressObserver,
    ) -> Result<Arc<Received>, EvaluateError> {
        let place = self.held.get(index);
        if let Some(batch) = place.and_then(OnceLock::get) {
            return Ok(batch.clone());
        }
        let slots = self.session.parameters().degree();
        let (first, end) = (index * slots, self.images.len().min((index + 1) * slots));
        let batch = Arc::new(self.session.send(model, self.images, first, end, progress)?);
        if let Some(place) = place {
            // Where somebody else was faster, either will do.
            let _ = place.set(batch.clone());
        }
        Ok(batch)
    }
}
