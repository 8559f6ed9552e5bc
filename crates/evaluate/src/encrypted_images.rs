//! Test images that are encrypted and sent once for all ensembles of a session.

use std::sync::{Arc, OnceLock};

use sottovoce_bfv::ProgressObserver;
use sottovoce_dataset::LabelledImages;
use sottovoce_protocol::ModelDescription;

use crate::error::EvaluateError;
use crate::session::{SentBatch, Session};

/// Number of batches that stay in memory, enough for the test images of MNIST. With a ciphertext modulus of 144 bits, a batch of
/// the paper's images takes 116 MB under the secret key and 231 MB under the public key.
const CACHED_BATCHES: usize = 2;

/// Images to classify under encryption. Each batch is encrypted and sent when an evaluation first needs it.
///
/// The first two batches stay in memory and serve every later ensemble. Later batches might not fit into memory, so they are encrypted
/// again for each ensemble.
pub struct EncryptedImages<'a> {
    pub(crate) session: &'a Session,
    pub(crate) images: &'a LabelledImages,
    cached: [OnceLock<Arc<SentBatch>>; CACHED_BATCHES],
}

impl<'a> EncryptedImages<'a> {
    /// Prepares `images` for encryption in `session`, without encrypting a batch yet.
    #[must_use]
    pub fn new(session: &'a Session, images: &'a LabelledImages) -> Self {
        Self { session, images, cached: [const { OnceLock::new() }; CACHED_BATCHES] }
    }

    /// Returns batch `index`, and encrypts and sends it if it is not in memory. Every model that reads such images can be evaluated on
    /// the batch.
    pub(crate) fn batch(
        &self,
        index: usize,
        model: &ModelDescription,
        progress: &dyn ProgressObserver,
    ) -> Result<Arc<SentBatch>, EvaluateError> {
        let cached = self.cached.get(index);
        if let Some(batch) = cached.and_then(OnceLock::get) {
            return Ok(batch.clone());
        }
        let slots = self.session.parameters().degree();
        let range = index * slots..self.images.len().min((index + 1) * slots);
        let batch = Arc::new(self.session.send_batch(model, self.images, range, progress)?);
        if let Some(cached) = cached {
            // If two threads encrypt the same batch, either result is kept.
            let _ = cached.set(batch.clone());
        }
        Ok(batch)
    }
}
