//! The engine: evaluates an ensemble with plain arithmetic at the evaluation points. Nothing is transformed or rescaled before the
//! first dense layer has been summed.
//!
//! A BFV ciphertext times t is a BGV ciphertext (Alperin-Sheriff and Peikert 2013, appendix A), whose squares need no rescaling.
//! So a network is evaluated modulo only the ciphertext primes, at the points where `fhe` keeps its ciphertexts. Each block is a
//! linear map, a square and a linear map (`block`). Behind a block the sums of squares are relinearised with `fhe`'s
//! key and lose primes, and with them their noise (`relinearisation`, `modulus_switching`). The members' sum is a sum of the last block's sums, so
//! that ten relinearisations serve the whole ensemble. `docs/engine.md` derives all of it, with the public factors that
//! messages get on the way and the bounds of every number.
//!
//! The answers decrypt to the reference's logits times a public constant
//! ([`Channel::answer_factor`](crate::parameters::Channel::answer_factor)).
//!
//! Each channel runs all steps once, with its own plaintext modulus, one channel after the other.
//!
//! | module | holds |
//! | --- | --- |
//! | `channel` | the evaluation in one channel, step by step |
//! | `compiled` | weights in their kernel's form, constants with their factors |
//! | `packed` | evaluation of one image in the slots of one ciphertext |
//! | `block` | linear map, square, linear map at the evaluation points |
//! | `relinearisation` | from three parts to two |
//! | `modulus_switching` | dropping primes |
//! | `flooding` | answers that show nothing of the weights but the logits |
//! | `kernels` | the inner loops, compiled for several instruction sets |
//! | `ring`, `buffer_pool` | tables and memory that the steps share |
//! | `clock` | wall-clock time by layer |
//! | `stages` | single steps for benchmarks |
//!
//! Memory beside the batch: the first block's sums (177 MB for three members of the paper's shape and three primes) and the
//! hidden units (79 MB). The buffer pool keeps both for the next channel and the next batch.

mod block;
mod buffer_pool;
mod channel;
mod clock;
pub(crate) mod compiled;
pub(crate) mod error;
pub(crate) mod flooding;
mod kernels;
mod modulus_switching;
mod packed;
mod relinearisation;
mod ring;
#[doc(hidden)]
pub mod stages;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use sottovoce_network::{Architecture, IntegerEnsemble};

use crate::ciphertexts::{
    EncryptedAnswer, EncryptedBatch, EncryptedLogits, IntermediateCiphertexts, PackedIntermediateCiphertexts,
};
use crate::error::BfvError;
use crate::evaluation::{EvaluatorKind, LayerTime};
use crate::evaluation_key::{ChannelKey, EvaluationKey};
use crate::kernel::Kernel;
use crate::progress::ProgressObserver;
use buffer_pool::BufferPool;
use channel::{ChannelAnswer, ChannelEngine, ChannelModel};
pub use error::EngineError;
pub use flooding::{FloodingNoise, STATISTICAL_DISTANCE_LOG2};
use packed::{PackedEngine, PackedModel};
use stages::Stages;

/// Evaluates an ensemble on encrypted batches, with one client's keys.
///
/// ```
/// use sottovoce_bfv::planner::{ParameterRequest, choose_parameters};
/// use sottovoce_bfv::{ClientKey, Engine};
/// use sottovoce_network::{Architecture, NetworkSampler, sum_logits};
///
/// let shape = Architecture { image_side: 5, kernel: 3, maps: 1, hidden: 2, ..Architecture::default() };
/// let mut sampler = NetworkSampler::new(shape, 1);
/// let ensemble = sampler.ensemble(2)?;
/// let ensembles = [&ensemble];
/// let request = ParameterRequest::new(&ensembles, ensemble.proven_logits());
/// let client = ClientKey::generate(&choose_parameters(&request)?.parameters);
///
/// let image = sampler.images(1);
/// let batch = client.encrypt(&image, shape.pixels(), &())?;
/// let engine = Engine::new(&client.evaluation_key()?, &ensemble)?;
/// let answer = engine.evaluate(&batch, false, &())?;
/// let logits = client.decrypt(&answer.ensemble)?;
/// assert_eq!(logits.slot(0), sum_logits(&ensemble.member_logits(&image)?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Engine {
    shape: Architecture,
    kernel: Kernel,
    evaluation: Evaluation,
}

/// The evaluation that the parameters are for.
enum Evaluation {
    /// By channel: there is at least one.
    Batched(Vec<ChannelEngine>),
    Packed(PackedEngine),
}

impl Engine {
    /// An engine for `ensemble` and `key`, with the fastest kernel that the processor runs.
    ///
    /// # Errors
    /// If the network's values could leave the arithmetic's range, or packed parameters were chosen for another network.
    pub fn new(key: &EvaluationKey, ensemble: &IntegerEnsemble) -> Result<Self, EngineError> {
        Self::with_kernel(key, ensemble, Kernel::detect())
    }

    /// An engine for `ensemble` and `key`, with the given kernel.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_kernel(
        key: &EvaluationKey,
        ensemble: &IntegerEnsemble,
        kernel: Kernel,
    ) -> Result<Self, EngineError> {
        let shape = *ensemble.architecture();
        if let Some(keys) = key.packed_residues() {
            let model = PackedModel::new(key.parameters(), ensemble, kernel)?;
            let evaluation = Evaluation::Packed(PackedEngine::new(Arc::new(model), keys)?);
            return Ok(Self { shape, kernel, evaluation });
        }
        let pool = Arc::new(BufferPool::default());
        let channel = |key: &ChannelKey| {
            let model = ChannelModel::new(&key.channel, ensemble, kernel, &pool)?;
            ChannelEngine::new(Arc::new(model), key, None)
        };
        let channels = key.channels().iter().map(channel).collect::<Result<_, _>>()?;
        Ok(Self { shape, kernel, evaluation: Evaluation::Batched(channels) })
    }

    /// An engine for another client's key. Weights and memory are shared, so that clients can take turns.
    ///
    /// # Errors
    /// If the key is for other parameters.
    pub fn with_key(&self, key: &EvaluationKey) -> Result<Self, EngineError> {
        let (shape, kernel) = (self.shape, self.kernel);
        let evaluation = match (&self.evaluation, key.packed_residues()) {
            (Evaluation::Packed(engine), Some(keys)) if engine.is_for(key.parameters()) => {
                Evaluation::Packed(engine.with_keys(keys)?)
            }
            (Evaluation::Batched(channels), None) if channels.len() == key.channels().len() => {
                let channel = |(channel, key): (&ChannelEngine, &ChannelKey)| {
                    ChannelEngine::new(channel.model.clone(), key, channel.flooding)
                };
                let channels = channels.iter().zip(key.channels()).map(channel);
                Evaluation::Batched(channels.collect::<Result<_, _>>()?)
            }
            _ => return Err(EngineError::OtherParameters),
        };
        Ok(Self { shape, kernel, evaluation })
    }

    /// Makes the engine re-randomise its answers, so that they show nothing of the weights but the logits: see
    /// [`FloodingNoise`]. The parameters must leave room for that noise
    /// ([`ParameterRequest::hide_model`](crate::planner::ParameterRequest)).
    ///
    /// # Errors
    /// If the engine is for packed evaluation, whose parameters have no room for that noise.
    pub fn with_noise_flooding(mut self, noise: FloodingNoise) -> Result<Self, EngineError> {
        match &mut self.evaluation {
            Evaluation::Batched(channels) => {
                channels.iter_mut().for_each(|channel| channel.flooding = Some(noise));
                Ok(self)
            }
            Evaluation::Packed(_) => Err(EngineError::PackedFlooding),
        }
    }

    /// The instruction set of the inner loops.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// The work of one batch, in the units that [`evaluate`](Self::evaluate) reports.
    #[must_use]
    pub fn work(&self) -> u64 {
        match &self.evaluation {
            Evaluation::Batched(channels) => channels.iter().map(|channel| channel.model.work()).sum(),
            Evaluation::Packed(engine) => engine.work(),
        }
    }

    /// Evaluates every member on `batch` and adds their logits, using the threads of the current `rayon` pool.
    /// `observer` is told of finished work and may cancel the evaluation between two tiles. The members' own logits are
    /// returned only if `with_members` is true: they take ten relinearisations each that their sum does not need.
    ///
    /// # Errors
    /// If the batch holds other images than the network reads or comes from other parameters, `observer` cancels the
    /// evaluation, or `fhe` refuses an operation.
    pub fn evaluate(
        &self,
        batch: &EncryptedBatch,
        with_members: bool,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedAnswer, BfvError> {
        let channels = match &self.evaluation {
            Evaluation::Batched(channels) => channels,
            Evaluation::Packed(engine) => {
                let answers = engine.evaluate(batch, with_members, observer)?;
                return Ok(join_channels(answers.into_iter()));
            }
        };
        self.check(batch)?;
        let mut answers = Vec::new();
        for (channel, pixels) in channels.iter().zip(&batch.channels) {
            answers.push(channel.evaluate(pixels, with_members, observer)?);
        }
        Ok(join_channels(answers.into_iter()))
    }

    /// Evaluates `batch` in the channel with the number `channel`, and returns the ciphertexts between the steps.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), or if there is no such channel.
    pub(crate) fn intermediate_ciphertexts(
        &self,
        batch: &EncryptedBatch,
        channel: usize,
    ) -> Result<IntermediateCiphertexts, BfvError> {
        self.check(batch)?;
        let channels = self.batched_channels();
        match (channels.get(channel), batch.channels.get(channel)) {
            (Some(engine), Some(pixels)) => engine.intermediate_ciphertexts(pixels),
            _ => Err(BfvError::Channels { found: channel, needed: channels.len() }),
        }
    }

    /// Evaluates a packed image in one channel, and keeps the ciphertexts between the steps.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), or if the parameters are batched or there is no such channel.
    pub(crate) fn packed_intermediate_ciphertexts(
        &self,
        batch: &EncryptedBatch,
        channel: usize,
    ) -> Result<PackedIntermediateCiphertexts, BfvError> {
        match &self.evaluation {
            Evaluation::Packed(engine) => engine.intermediate_ciphertexts(batch, channel),
            Evaluation::Batched(_) => Err(BfvError::Packing { parameters: "batched", needed: "packed" }),
        }
    }

    /// Single steps of the first channel, for benchmarks.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    #[doc(hidden)]
    pub fn stages<'a>(&'a self, batch: &'a EncryptedBatch) -> Result<Stages<'a>, BfvError> {
        self.check(batch)?;
        match (self.batched_channels().first(), batch.channels.first()) {
            (Some(channel), Some(pixels)) => Stages::new(channel, pixels),
            _ => Err(BfvError::Ring),
        }
    }

    /// The channels of batched evaluation. There are none for packed evaluation.
    fn batched_channels(&self) -> &[ChannelEngine] {
        match &self.evaluation {
            Evaluation::Batched(channels) => channels,
            Evaluation::Packed(_) => &[],
        }
    }

    /// Checks that the batch fits the network and the key.
    fn check(&self, batch: &EncryptedBatch) -> Result<(), BfvError> {
        batch.check(&self.shape, self.batched_channels().iter().map(|channel| &channel.model.channel))
    }
}

/// Joins the channels' answers and adds up their times.
fn join_channels(answers: impl Iterator<Item = ChannelAnswer>) -> EncryptedAnswer {
    let mut answers = answers.peekable();
    let members = answers.peek().map_or(0, |answer| answer.members.len());
    let none = EncryptedLogits { channels: Vec::new(), evaluator: EvaluatorKind::Engine };
    let (mut members, mut ensemble) = (vec![none.clone(); members], none);
    let mut times: Vec<LayerTime> = Vec::new();
    for answer in answers {
        for (member, classes) in members.iter_mut().zip(answer.members) {
            member.channels.push(classes);
        }
        ensemble.channels.push(answer.ensemble);
        for time in answer.times {
            LayerTime::add(&mut times, time);
        }
    }
    EncryptedAnswer { members, ensemble, times }
}
