//! Encrypted classification of one batch, with the time of every step from pixels to logits.

use std::ops::{Add, Range};
use std::time::{Duration, Instant};

use sottovoce_bfv::{DecryptedLogits, ProgressObserver};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::IntegerEnsemble;
use sottovoce_protocol::ModelDescription;

use crate::error::EvaluateError;
use crate::oracle::Oracle;
use crate::session::Session;

/// Classifies batches with one ensemble. The keys and the provider's networks are prepared when the classifier is made.
pub struct BatchClassifier<'a> {
    ensemble: &'a IntegerEnsemble,
    session: &'a Session,
    model: &'a ModelDescription,
    /// Work of evaluating one batch, in units of progress.
    work: u64,
    progress: &'a dyn ProgressObserver,
}

/// Times of the steps of one or several batches.
#[derive(Clone, Copy, Default)]
pub struct StepTimes {
    /// Time of quantising and encrypting.
    pub encrypt: Duration,
    /// Time of writing, sending and reading the batch's message.
    pub transfer: Duration,
    /// Time of the provider's evaluation, including writing the answer's message.
    pub evaluate: Duration,
    /// Time of reading the answer's message and decrypting.
    pub decrypt: Duration,
}

impl StepTimes {
    /// Returns the time of all steps together.
    pub fn total(&self) -> Duration {
        self.encrypt + self.transfer + self.evaluate + self.decrypt
    }
}

impl Add for StepTimes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            encrypt: self.encrypt + other.encrypt,
            transfer: self.transfer + other.transfer,
            evaluate: self.evaluate + other.evaluate,
            decrypt: self.decrypt + other.decrypt,
        }
    }
}

/// The decrypted answer of one batch.
pub struct ClassifiedBatch {
    /// Times of the steps.
    pub times: StepTimes,
    /// The ensemble's decrypted logits.
    pub decrypted: DecryptedLogits,
    /// Number of decrypted logits of the ensemble that differ from the oracle, over every slot.
    pub mismatches: u64,
    /// The oracle of the batch's images.
    pub oracle: Oracle,
    /// Bytes of the batch's message.
    pub upload_bytes: usize,
    /// Bytes of the answer's message.
    pub download_bytes: usize,
}

impl<'a> BatchClassifier<'a> {
    /// Prepares the provider of `session` for `ensemble`.
    pub fn new(
        ensemble: &'a IntegerEnsemble,
        session: &'a Session,
        progress: &'a dyn ProgressObserver,
    ) -> Result<Self, EvaluateError> {
        let model = session.model(ensemble)?;
        Ok(Self { ensemble, session, model, work: session.prepare(model)?, progress })
    }

    /// Returns the number of images in a full batch.
    pub fn images_per_batch(&self) -> usize {
        self.session.parameters().images_per_batch()
    }

    /// Classifies the images in `range`, at most one batch. The first image of the range is in slot 0.
    ///
    /// The measured times run from pixels to logits: quantising and encrypting, the transfer of the message to the provider, the
    /// provider's evaluation without the members' own logits up to the answer's message, and reading and decrypting that message.
    /// The comparison with the oracle is not measured.
    pub fn classify(
        &self,
        images: &LabelledImages,
        range: Range<usize>,
    ) -> Result<ClassifiedBatch, EvaluateError> {
        let progress = self.progress;
        let Self { session, model, .. } = *self;
        let sent = session.send_batch(model, images, range.clone(), progress)?;

        let name = |step: &str| format!("{step} images {} to {}", range.start + 1, range.end);
        progress.begin(&name("evaluating"), self.work);
        let start = Instant::now();
        let evaluated = session.provider.evaluate_model(&sent.batch, model.fingerprint(), false, progress)?;
        let evaluate = start.elapsed();

        let start = Instant::now();
        let decrypted = session.client.decrypt(&sent.pending, &evaluated.answer[..])?;
        let decrypt = start.elapsed();

        progress.begin(&name("checking"), range.len() as u64);
        let indices: Vec<usize> = range.collect();
        let oracle = Oracle::new(self.ensemble, &images.select(&indices), progress)?;
        let slots = (0..decrypted.slots()).map(|slot| decrypted.slot(slot));
        Ok(ClassifiedBatch {
            times: StepTimes { encrypt: sent.encrypt, transfer: sent.transfer, evaluate, decrypt },
            mismatches: oracle.ensemble_mismatches(slots),
            decrypted,
            oracle,
            upload_bytes: sent.bytes,
            download_bytes: evaluated.answer.len(),
        })
    }
}
