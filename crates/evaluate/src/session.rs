//! Both sides of a run: a client and a provider that serve several ensembles under one set of parameters and keys.

use std::time::Instant;
use std::{panic, thread};

use sottovoce_bfv::planner::Choice;
use sottovoce_bfv::{Parameters, ProgressObserver};
use sottovoce_dataset::LabelledImages;
use sottovoce_network::{ForwardError, IntegerEnsemble, PixelLevels};
use sottovoce_protocol::{
    Client, EncryptedRequest, Fingerprint, Kind, ModelDescription, PendingAnswer, ProtocolError, Provider,
    ReceivedBatch,
};

use crate::pipe::pipe;
use crate::received::Received;
use crate::{EvaluateError, Evaluator, Need, Policy, RangeRule};

/// A client with fresh keys and a provider of several ensembles, which meet in messages alone.
///
/// The plaintext modulus holds the largest logits of any of the ensembles and the noise budget covers the noisiest, so
/// that one encryption of an image is an input to all. What decrypts does not depend on this choice: encrypted
/// evaluation is exact under any parameters that hold the logits.
pub struct Session {
    pub(crate) client: Client,
    pub(crate) provider: Provider,
    pub(crate) range: RangeRule,
    choice: Choice,
    evaluator: Evaluator,
    levels: PixelLevels,
    /// What the provider tells the client of its ensembles.
    models: Vec<ModelDescription>,
}

impl Session {
    /// Has parameters chosen for all of `needs` and a run over `images`, which `evaluator` evaluates.
    ///
    /// # Errors
    /// If there is no ensemble, they read different pixels, or no secure parameters serve all of them.
    pub fn new(
        needs: &[Need<'_>],
        policy: &Policy,
        images: usize,
        evaluator: Evaluator,
    ) -> Result<Self, EvaluateError> {
        let range = policy.range;
        Self::check_pixels(needs)?;
        Self::under(policy.choose(needs, images, &[evaluator])?, range, needs, evaluator)
    }

    /// A session with parameters that were chosen for `needs` by a policy with that range.
    ///
    /// # Errors
    /// As [`new`](Self::new), but that the parameters are there.
    pub fn under(
        choice: Choice,
        range: RangeRule,
        needs: &[Need<'_>],
        evaluator: Evaluator,
    ) -> Result<Self, EvaluateError> {
        let levels = Self::check_pixels(needs)?;
        let parameters = &choice.parameters;
        let ensembles = needs.iter().map(|need| need.ensemble.clone()).collect();
        let provider = Provider::new(parameters, ensembles, 1).evaluated_by(evaluator).hiding(choice.flood);
        // The parameters are not sent: a second copy of their tables can take gigabytes.
        let client = Client::new(parameters)?;
        provider.register(client.registration())?;
        let models = provider.model_messages()?;
        let models = models.iter().map(|message| client.model(&message[..])).collect::<Result<_, _>>()?;
        Ok(Self { client, provider, range, choice, evaluator, levels, models })
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

    /// How the provider evaluates.
    #[must_use]
    pub fn evaluator(&self) -> Evaluator {
        self.evaluator
    }

    /// Bytes of the message that registers the client's keys.
    #[must_use]
    pub fn registration_bytes(&self) -> usize {
        self.client.registration().len()
    }

    /// What the client knows of an ensemble.
    ///
    /// # Errors
    /// If it reads other pixels than the session's, or is none of them.
    pub(crate) fn model(&self, ensemble: &IntegerEnsemble) -> Result<&ModelDescription, EvaluateError> {
        let (found, expected) = (ensemble.pixel_levels(), self.levels);
        if found != expected {
            return Err(EvaluateError::PixelLevels { found: found.into(), expected: expected.into() });
        }
        let fingerprint = Fingerprint::of_ensemble(ensemble);
        let model = self.models.iter().find(|model| model.fingerprint() == fingerprint);
        model.ok_or(EvaluateError::OtherEnsemble { fingerprint })
    }

    /// The work of evaluating one batch. What the provider needs for a model is ready after that.
    pub(crate) fn work(&self, model: &ModelDescription) -> Result<u64, EvaluateError> {
        Ok(self.provider.work(self.client.registered(), model.fingerprint())?)
    }

    /// Encrypts the images from `first` up to `end`, at most a batch, and hands them to the provider.
    pub(crate) fn send(
        &self,
        model: &ModelDescription,
        images: &LabelledImages,
        first: usize,
        end: usize,
        progress: &dyn ProgressObserver,
    ) -> Result<Received, EvaluateError> {
        let (found, needed) = (images.side() * images.side(), model.pixels());
        if found != needed {
            return Err(ForwardError::ImageSize { found, needed }.into());
        }
        let work = self.client.encryption_work(needed);
        progress.begin(&format!("encrypting images {} to {end}", first + 1), work);
        let start = Instant::now();
        let values: Vec<u8> =
            (first..end).flat_map(|image| self.levels.quantise_all(images.image(image))).collect();
        let request = self.client.encrypt(model, &values, progress)?;
        let encrypt = start.elapsed();

        let start = Instant::now();
        let (batch, pending, bytes) = transfer(&self.provider, &request)?;
        Ok(Received { batch, pending, encrypt, transfer: start.elapsed(), bytes })
    }
}

/// Hands a batch to the provider in a message, which a thread of its own writes while the provider reads it; also the
/// message's bytes.
pub(crate) fn transfer(
    provider: &Provider,
    request: &EncryptedRequest<'_>,
) -> Result<(ReceivedBatch, PendingAnswer, usize), ProtocolError> {
    let (output, mut input) = pipe();
    thread::scope(|scope| {
        let writer = thread::Builder::new().spawn_scoped(scope, || request.write(output));
        let writer = writer.map_err(|source| ProtocolError::Transfer { message: Kind::Batch, source })?;
        let received = provider.receive(&mut input);
        let bytes = input.passed();
        // Where the message was refused, its writer need not wait for anybody to read the rest.
        drop(input);
        let written = writer.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
        match (written, received) {
            (Ok(pending), Ok(batch)) => Ok((batch, pending, bytes)),
            // The writer fails if the reader has gone, which then knows why.
            (Ok(_) | Err(ProtocolError::Transfer { .. }), Err(error)) | (Err(error), _) => Err(error),
        }
    })
}
