//! One batch of images by the clock, from pixels to logits, and held against the oracle.

use std::time::{Duration, Instant};

use sottovoce_bfv::DecryptedLogits;
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, sum_logits};

use crate::clear::Oracle;
use crate::encrypted::mismatches;
use crate::provider::Provider;
use crate::session::Session;
use crate::{EvaluateError, Evaluator, Progress};

/// Classifies batches with one ensemble. Keys and the provider's networks are ready when it is made.
pub struct BatchRunner<'a> {
    ensemble: &'a IntegerEnsemble,
    session: &'a Session,
    provider: Provider<'a>,
    progress: &'a dyn Progress,
}

/// Seconds of one batch, step by step.
#[derive(Clone, Copy, Default)]
pub struct Steps {
    pub encrypt: Duration,
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
        evaluator: Evaluator,
        progress: &'a dyn Progress,
    ) -> Result<Self, EvaluateError> {
        session.check(ensemble)?;
        let provider = Provider::new(evaluator, &session.evaluation_key, ensemble)?;
        Ok(Self { ensemble, session, provider, progress })
    }

    /// What evaluates, and with which instruction set.
    pub fn evaluator(&self) -> String {
        self.provider.to_string()
    }

    /// Images in a full batch.
    pub fn slots(&self) -> usize {
        self.session.parameters().degree()
    }

    /// Classifies the images from `first` up to `end`, at most a batch.
    ///
    /// The clock runs from pixels to logits: quantising and encrypting, the provider's work without the members' own
    /// logits, decrypting. It stands still while answers are held against the oracle.
    pub fn run(
        &self,
        images: &LabelledImages,
        first: usize,
        end: usize,
    ) -> Result<BatchAnswers, EvaluateError> {
        let progress = self.progress;
        let encrypted = self.session.encrypt(images, first, end, progress)?;

        let name = |step: &str| format!("{step} images {} to {end}", first + 1);
        progress.begin(&name("evaluating"), self.provider.work());
        let start = Instant::now();
        let answer = self.provider.evaluate(&encrypted.encrypted, false, &|work| progress.advance(work))?;
        let evaluate = start.elapsed();

        let start = Instant::now();
        let decrypted = self.session.client.decrypt(&answer.ensemble)?;
        let steps = Steps { encrypt: encrypted.elapsed, evaluate, decrypt: start.elapsed() };

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
            upload_bytes: encrypted.encrypted.bytes(),
            download_bytes: answer.ensemble.bytes(),
        })
    }
}
