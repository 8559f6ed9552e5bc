//! The client's side: one set of parameters and keys for several ensembles, and images encrypted once for all of them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sottovoce_bfv::planner::Choice;
use sottovoce_bfv::{ClientKey, EncryptedBatch, EvaluationKey, Parameters};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{IntegerEnsemble, PixelLevels};

use crate::{EvaluateError, Evaluator, Need, Policy, Progress, RangeRule};

/// Parameters and fresh keys that serve several ensembles.
///
/// The plaintext modulus holds the largest logits of any of them and the noise budget covers the noisiest, so that
/// one encryption of an image is an input to all. What decrypts does not depend on this choice: encrypted
/// evaluation is exact under any parameters that hold the logits.
pub struct Session {
    pub(crate) client: ClientKey,
    pub(crate) evaluation_key: EvaluationKey,
    pub(crate) choice: Choice,
    pub(crate) range: RangeRule,
    levels: PixelLevels,
}

impl Session {
    /// Has parameters chosen for all of `needs` and a run over `images`, which `evaluators` evaluate.
    ///
    /// # Errors
    /// If there is no ensemble, they read different pixels, or no secure parameters serve all of them.
    pub fn new(
        needs: &[Need<'_>],
        policy: &Policy,
        images: usize,
        evaluators: &[Evaluator],
    ) -> Result<Self, EvaluateError> {
        let range = policy.range;
        Self::check_pixels(needs)?;
        Self::under(policy.choose(needs, images, evaluators)?, range, needs)
    }

    /// A session with parameters that were chosen for `needs` by a policy with that range.
    ///
    /// # Errors
    /// As [`new`](Self::new), but that the parameters are there.
    pub fn under(choice: Choice, range: RangeRule, needs: &[Need<'_>]) -> Result<Self, EvaluateError> {
        let levels = Self::check_pixels(needs)?;
        let client = ClientKey::generate(&choice.parameters);
        let evaluation_key = client.evaluation_key()?;
        Ok(Self { client, evaluation_key, choice, range, levels })
    }

    /// The pixels that all ensembles read.
    fn check_pixels(needs: &[Need<'_>]) -> Result<PixelLevels, EvaluateError> {
        let levels = needs.first().ok_or(EvaluateError::NoEnsembles)?.ensemble.pixel_levels();
        if let Some(other) = needs.iter().find(|need| need.ensemble.pixel_levels() != levels) {
            let (found, expected) = (other.ensemble.pixel_levels().into(), levels.into());
            return Err(EvaluateError::PixelLevels { found, expected });
        }
        Ok(levels)
    }

    /// The parameters with what is expected of them.
    #[must_use]
    pub fn choice(&self) -> &Choice {
        &self.choice
    }

    /// The parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.client.parameters()
    }

    /// Bytes of the evaluation key, serialised.
    #[must_use]
    pub fn evaluation_key_bytes(&self) -> usize {
        self.evaluation_key.bytes()
    }

    /// Encrypts the images from `first` up to `end`, at most a batch, and says how long it took.
    pub(crate) fn encrypt(
        &self,
        images: &LabelledImages,
        first: usize,
        end: usize,
        progress: &dyn Progress,
    ) -> Result<Batch, EvaluateError> {
        let pixels = images.side() * images.side();
        let work = self.client.encryption_work(pixels);
        progress.begin(&format!("encrypting images {} to {end}", first + 1), work);
        let start = Instant::now();
        let values: Vec<u8> =
            (first..end).flat_map(|image| self.levels.quantise_all(images.image(image))).collect();
        let encrypted = self.client.encrypt(&values, pixels, &|| progress.advance(1))?;
        Ok(Batch { encrypted, elapsed: start.elapsed() })
    }

    /// Whether an ensemble reads what this session encrypts.
    pub(crate) fn check(&self, ensemble: &IntegerEnsemble) -> Result<(), EvaluateError> {
        let (found, expected) = (ensemble.pixel_levels(), self.levels);
        if found == expected {
            Ok(())
        } else {
            Err(EvaluateError::PixelLevels { found: found.into(), expected: expected.into() })
        }
    }
}

/// Images under encryption, and how long encrypting them took.
pub(crate) struct Batch {
    pub(crate) encrypted: EncryptedBatch,
    pub(crate) elapsed: Duration,
}

/// Batches that stay in memory, enough for MNIST's test images: with three ciphertext primes a batch of the paper's
/// images takes 308 MB.
const HELD_BATCHES: usize = 2;

/// The images to classify under encryption, each batch encrypted when it is first asked for.
///
/// The first two batches are kept for every ensemble that comes after; those beyond, which memory might not hold, are
/// encrypted anew.
pub struct EncryptedSet<'a> {
    pub(crate) session: &'a Session,
    pub(crate) images: &'a LabelledImages,
    held: [OnceLock<Arc<Batch>>; HELD_BATCHES],
}

impl<'a> EncryptedSet<'a> {
    /// Nothing is encrypted yet.
    #[must_use]
    pub fn new(session: &'a Session, images: &'a LabelledImages) -> Self {
        Self { session, images, held: [const { OnceLock::new() }; HELD_BATCHES] }
    }

    pub(crate) fn batch(&self, index: usize, progress: &dyn Progress) -> Result<Arc<Batch>, EvaluateError> {
        let place = self.held.get(index);
        if let Some(batch) = place.and_then(OnceLock::get) {
            return Ok(batch.clone());
        }
        let slots = self.session.parameters().degree();
        let (first, end) = (index * slots, self.images.len().min((index + 1) * slots));
        let batch = Arc::new(self.session.encrypt(self.images, first, end, progress)?);
        if let Some(place) = place {
            // Where somebody else was faster, either will do.
            let _ = place.set(batch.clone());
        }
        Ok(batch)
    }
}
