//! One batch of images by the clock, from pixels to logits, and held against the oracle.

use std::time::{Duration, Instant};

use sottovoce_bfv::{DecryptedLogits, ProgressObserver};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, sum_logits};
use sottovoce_protocol::ModelDescription;

use crate::EvaluateError;
use crate::clear::Oracle;
use crate::encrypted::mismatches;
use crate::session::Session;

/// Classifies batches with one ensemble. Keys and the provider's networks are ready when it is made.
pub struct BatchRunner<'a> {
    ensemble: &'a IntegerEnsemble,
    session: &'a Session,
    model: &'a ModelDescription,
    work: u64,
    progress: &'a dyn ProgressObserver,
}

/// Seconds of one batch, step by step.
#[derive(Clone, Copy, Default)]
pub struct Steps {
    pub encrypt: Duration,
    pub transfer: Duration,
    pub evaluate: Duration,
    pub decrypt: Duration,
}

/// A batch's answers.
pub struct BatchAnswers {
    pub steps: Steps,
    pub decrypted: DecryptedLogits,
    /// Decrypted logits of the ensemble that differ from the oracle, over every slot.
    pub mismatches: u64,
    /// What the answers were held against.
    pub oracle: Oracle,
    pub upload_bytes: usize,
    pub download_bytes: usize,
}

impl<'a> BatchRunner<'a> {
    pub fn new(
        ensemble: &'a IntegerEnsemble,
        session: &'a Session,
        progress: &'a dyn ProgressObserver,
    ) -> Result<Self, EvaluateError> {
        let model = session.model(ensemble)?;
        Ok(Self { ensemble, session, model, work: session.work(model)?, progress })
    }

    /// Images in a full batch.
    pub fn slots(&self) -> usize {
        self.session.parameters().degree()
    }

    /// Classifies the images from `first` up to `end`, at most a batch.
    ///
    /// The clock runs from pixels to logits: quantising and encrypting, the message's way to the provider, the provider's
    /// work without the members' own logits up to the answer's message, reading that and decrypting. It stands still while
    /// answers are held against the oracle.
    pub fn run(
        &self,
        images: &LabelledImages,
        first: usize,
        end: usize,
    ) -> Result<BatchAnswers, EvaluateError> {
        let progress = self.progress;
        let Self { session, model, .. } = *self;
        let received = session.send(model, images, first, end, progress)?;

        let name = |step: &str| format!("{step} images {} to {end}", first + 1);
        progress.begin(&name("evaluating"), self.work);
        let start = Instant::now();
        let evaluated =
            session.provider.evaluate_for(&received.batch, model.fingerprint(), false, progress)?;
        let evaluate = start.elapsed();

        let start = Instant::now();
        let decrypted = session.client.decrypt(&received.pending, &evaluated.answer[..])?;
        let decrypt = start.elapsed();
        let steps = Steps { encrypt: received.encrypt, transfer: received.transfer, evaluate, decrypt };

        progress.begin(&name("checking"), (end - first) as u64);
        let indices: Vec<usize> = (first..end).collect();
        let images = images.select(&indices);
        let oracle = Oracle::new(self.ensemble, &images, &|| progress.advance(1))?;
        let differing = |slot| {
            let expected = oracle.logits.get(slot).unwrap_or(&oracle.blank);
            mismatches(&decrypted.slot(slot), &sum_logits(expected))
        };
        Ok(BatchAnswers {
            steps,
            mismatches: (0..decrypted.slots()).map(differing).sum(),
            decrypted,
            oracle,
            upload_bytes: received.bytes,
            download_bytes: evaluated.answer.len(),
        })
    }
}
