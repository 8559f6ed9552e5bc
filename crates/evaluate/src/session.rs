//! Both sides of a run: a client and a provider that serve several ensembles under one set of parameters and keys.

use std::ops::Range;
use std::time::{Duration, Instant};
use std::{panic, thread};

use sottovoce_bfv::planner::ChosenParameters;
use sottovoce_bfv::{Parameters, ProgressObserver};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, PixelLevels};
use sottovoce_protocol::client::{Client, EncryptedRequest, PendingAnswer};
use sottovoce_protocol::provider::{Provider, ReceivedBatch, RegisteredKey};
use sottovoce_protocol::{Evaluator, Fingerprint, MessageKind, ModelDescription, ProtocolError};

use crate::error::EvaluateError;
use crate::parameter_policy::{ParameterPolicy, RangeKind, RangedEnsemble};
use crate::pipe::pipe;

/// A client with fresh keys and a provider of several ensembles, which exchange only messages.
///
/// The plaintext modulus holds the largest logits of every ensemble, and the noise budget covers the noisiest ensemble. One encryption
/// of an image is therefore an input to all ensembles. Decrypted logits do not depend on the parameters: encrypted
/// evaluation is exact under any parameters that hold the logits.
///
/// # Example
///
/// ```rust
/// use sottovoce_dataset::LabelledImages;
/// use sottovoce_evaluate::engine_benchmark::random_ensemble;
/// use sottovoce_evaluate::{Evaluator, ParameterPolicy, RangeKind, RangedEnsemble, Session, predict_images};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // One member of the paper's shape with random weights, and one grey image of 28 x 28 pixels with label 3.
/// let ensemble = random_ensemble(1).ok_or("the weights are too large")?;
/// let images = LabelledImages::new(28, vec![128; 28 * 28], vec![3])?;
///
/// let ranged = RangedEnsemble { ensemble: &ensemble, observed_logit: None, proven_logit: None };
/// let policy = ParameterPolicy {
///     range: RangeKind::Proven,
///     range_margin: 0.0,
///     hide_model: false,
///     fixed: Default::default(),
/// };
/// let session = Session::new(&[ranged], &policy, images.len(), Evaluator::default())?;
/// let (predictions, summary) = predict_images(ranged, &session, &images, &())?;
/// assert_eq!(predictions.len(), 1);
/// // Every decrypted logit equals the logit of the same network without encryption.
/// assert_eq!(summary.mismatches, 0);
/// # Ok(())
/// # }
/// ```
pub struct Session {
    pub(crate) client: Client,
    pub(crate) provider: Provider,
    /// The client's keys, on the provider's side.
    key: RegisteredKey,
    pub(crate) range: RangeKind,
    choice: ChosenParameters,
    evaluator: Evaluator,
    levels: PixelLevels,
    /// The provider's descriptions of its ensembles, as the client reads them.
    models: Vec<ModelDescription>,
}

/// A batch that the client has encrypted and the provider has received.
pub(crate) struct SentBatch {
    /// The ciphertexts, on the provider's side.
    pub(crate) batch: ReceivedBatch,
    /// The client's record of the batch, which decryption of the answer needs.
    pub(crate) pending: PendingAnswer,
    /// Time of quantising and encrypting.
    pub(crate) encrypt: Duration,
    /// Time of writing, sending and reading the message.
    pub(crate) transfer: Duration,
    /// Bytes of the message.
    pub(crate) bytes: usize,
}

impl Session {
    /// Makes a session with parameters that `policy` chooses for all of `ensembles`, for a run over `images` images that
    /// `evaluator` evaluates.
    ///
    /// # Errors
    /// If there is no ensemble, ensembles read different pixel levels, or no secure parameters serve all ensembles.
    pub fn new(
        ensembles: &[RangedEnsemble<'_>],
        policy: &ParameterPolicy,
        images: usize,
        evaluator: Evaluator,
    ) -> Result<Self, EvaluateError> {
        let range = policy.range;
        Self::common_levels(ensembles)?;
        Self::with_parameters(policy.choose(ensembles, images, &[evaluator])?, range, ensembles, evaluator)
    }

    /// Makes a session with parameters that a policy with the range `range` has chosen for `ensembles`.
    ///
    /// # Errors
    /// If there is no ensemble, or ensembles read different pixel levels.
    pub fn with_parameters(
        choice: ChosenParameters,
        range: RangeKind,
        ensembles: &[RangedEnsemble<'_>],
        evaluator: Evaluator,
    ) -> Result<Self, EvaluateError> {
        let levels = Self::common_levels(ensembles)?;
        let parameters = &choice.parameters;
        let ensembles = ensembles.iter().map(|ranged| ranged.ensemble.clone()).collect();
        let provider = Provider::new(parameters, ensembles, 1)?
            .with_evaluator(evaluator)?
            .with_flooding(choice.flooding)?;
        // Client and provider share the parameters in memory, because a second copy of their tables can take gigabytes.
        let client = Client::new(parameters)?;
        let key = provider.register(client.key_fingerprint(), client.registration_message())?;
        let models = provider.model_messages();
        let models =
            models.iter().map(|message| client.read_model(&message[..])).collect::<Result<_, _>>()?;
        Ok(Self { client, provider, key, range, choice, evaluator, levels, models })
    }

    /// Returns the pixel levels that all ensembles read.
    fn common_levels(ensembles: &[RangedEnsemble<'_>]) -> Result<PixelLevels, EvaluateError> {
        let levels = ensembles.first().ok_or(EvaluateError::NoEnsembles)?.ensemble.pixel_levels();
        if let Some(other) = ensembles.iter().find(|ranged| ranged.ensemble.pixel_levels() != levels) {
            let (found, expected) = (other.ensemble.pixel_levels().into(), levels.into());
            return Err(EvaluateError::PixelLevels { found, expected });
        }
        Ok(levels)
    }

    /// Returns the parameters with the noise and the failure probability that are expected under them.
    #[must_use]
    pub fn choice(&self) -> &ChosenParameters {
        &self.choice
    }

    /// Returns the encryption parameters.
    #[must_use]
    pub fn parameters(&self) -> &Parameters {
        self.client.parameters()
    }

    /// Returns the evaluator that the provider uses.
    #[must_use]
    pub fn evaluator(&self) -> Evaluator {
        self.evaluator
    }

    /// Returns the size of the message that registers the client's keys, in bytes.
    #[must_use]
    pub fn registration_bytes(&self) -> usize {
        self.client.registration_message().len()
    }

    /// Returns the client's description of `ensemble`.
    ///
    /// # Errors
    /// If the ensemble reads other pixel levels than the session's images have, or the provider does not have it.
    pub(crate) fn model(&self, ensemble: &IntegerEnsemble) -> Result<&ModelDescription, EvaluateError> {
        let (found, expected) = (ensemble.pixel_levels(), self.levels);
        if found != expected {
            return Err(EvaluateError::PixelLevels { found: found.into(), expected: expected.into() });
        }
        let fingerprint = Fingerprint::of_ensemble(ensemble);
        let model = self.models.iter().find(|model| model.fingerprint() == fingerprint);
        model.ok_or(EvaluateError::UnknownEnsemble { fingerprint })
    }

    /// Prepares the provider for `model` and returns the work of evaluating one batch, in units of progress.
    pub(crate) fn prepare(&self, model: &ModelDescription) -> Result<u64, EvaluateError> {
        Ok(self.provider.work_for(&self.key, model.fingerprint())?)
    }

    /// Encrypts the images in `range`, at most one batch, and sends them to the provider.
    pub(crate) fn send_batch(
        &self,
        model: &ModelDescription,
        images: &LabelledImages,
        range: Range<usize>,
        progress: &dyn ProgressObserver,
    ) -> Result<SentBatch, EvaluateError> {
        let (found, needed) = (images.side() * images.side(), model.pixels());
        if found != needed {
            return Err(ForwardError::ImageSize { found, needed }.into());
        }
        let work = self.client.encryption_work(needed);
        progress.begin(&format!("encrypting images {} to {}", range.start + 1, range.end), work);
        let start = Instant::now();
        let values: Vec<u8> = range.flat_map(|image| self.levels.quantise_all(images.image(image))).collect();
        let request = self.client.encrypt(model, &values, progress)?;
        let encrypt = start.elapsed();

        let start = Instant::now();
        let (batch, pending, bytes) = transfer(&self.provider, &self.key, &request)?;
        Ok(SentBatch { batch, pending, encrypt, transfer: start.elapsed(), bytes })
    }
}

/// Sends a batch to the provider in a message and returns the size of the message in bytes. One thread writes the message while the
/// provider reads it, so that the message is never complete in memory.
pub(crate) fn transfer(
    provider: &Provider,
    key: &RegisteredKey,
    request: &EncryptedRequest<'_>,
) -> Result<(ReceivedBatch, PendingAnswer, usize), ProtocolError> {
    let (output, mut input) = pipe();
    thread::scope(|scope| {
        let writer = thread::Builder::new().spawn_scoped(scope, || request.write(output));
        let writer =
            writer.map_err(|source| ProtocolError::Transfer { message: MessageKind::Batch, source })?;
        let received = provider.receive(key, &mut input);
        let bytes = input.bytes_read();
        // If the provider refused the message, closing the pipe ends the writer.
        drop(input);
        let written = writer.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        match (written, received) {
            (Ok(pending), Ok(batch)) => Ok((batch, pending, bytes)),
            // If the writer failed because the reader closed the pipe, the reader's error names the cause.
            (Ok(_) | Err(ProtocolError::Transfer { .. }), Err(error)) | (Err(error), _) => Err(error),
        }
    })
}
