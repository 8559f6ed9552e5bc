//! The engine: an ensemble as plain arithmetic at the evaluation points, without a transform or a scaling before the first
//! dense layer has been added up.
//!
//! A BFV ciphertext times t is a BGV ciphertext (Alperin-Sheriff and Peikert 2013, appendix A), whose squares need no scaling.
//! So a network is evaluated modulo the ciphertext primes alone, at the points where `fhe` keeps its ciphertexts: block by
//! block, each a linear map, a square and a linear map (`block`), behind which sums of squares are relinearised with `fhe`'s
//! key and lose primes, and with them their noise (`key_switching`). The members' sum is a sum of the last block's sums, so
//! that ten relinearisations serve the whole ensemble. `docs/engine.md` derives all of it, with the public factors that
//! messages get on the way and the bounds of every number.
//!
//! The answers decrypt to the reference's logits times a public constant
//! ([`Channel::answer_factor`](crate::parameters::Channel::answer_factor)).
//!
//! All of that is done once in every channel, for one plaintext modulus after the other.
//!
//! | module | holds |
//! | --- | --- |
//! | `channel` | the evaluation in one channel: the loop over blocks |
//! | `plan` | weights in their kernel's form, constants with their factors |
//! | `block` | linear map, square, linear map at the evaluation points |
//! | `key_switching` | relinearisation, dropping primes |
//! | `kernels` | the inner loops, compiled for several instruction sets |
//! | `buffers` | memory that is used again |
//! | `hiding` | answers that say nothing of the weights but the logits |
//!
//! Memory beside the batch: the first block's sums (177 MB for three members of the paper's shape and three primes) and the
//! hidden units (79 MB). It is kept for the next channel and the next batch (`buffers`).

mod block;
mod buffers;
mod channel;
mod clock;
mod hiding;
mod kernels;
mod key_switching;
mod plan;
#[doc(hidden)]
pub mod stages;
mod watched;

use std::sync::Arc;

use sottovoce_network::{Architecture, IntegerEnsemble};

use crate::kernel::Kernel;
use crate::noise::Evaluation;
use crate::{
    BfvError, EncryptedAnswer, EncryptedBatch, EncryptedLogits, EvaluationKey, LayerTime, ProgressObserver,
};
use buffers::Buffers;
use channel::{ChannelAnswer, ChannelEngine};
pub use hiding::{Flood, HIDING_LOG2};
pub use plan::PlanError;
pub(crate) use plan::check_inputs;

/// The provider's side: evaluates an ensemble on encrypted batches.
pub struct Engine {
    shape: Architecture,
    /// At least one.
    channels: Vec<ChannelEngine>,
}

impl Engine {
    /// An engine for `ensemble` under `key`, with the fastest kernel that the processor runs.
    ///
    /// # Errors
    /// If the network's values could leave the arithmetic's range.
    pub fn new(key: &EvaluationKey, ensemble: &IntegerEnsemble) -> Result<Self, PlanError> {
        Self::with_kernel(key, ensemble, Kernel::detect())
    }

    /// The same with a kernel of one's choice.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_kernel(
        key: &EvaluationKey,
        ensemble: &IntegerEnsemble,
        kernel: Kernel,
    ) -> Result<Self, PlanError> {
        let buffers = Arc::new(Buffers::default());
        let channel = |key| ChannelEngine::new(key, ensemble, kernel, &buffers);
        let channels = key.channels.iter().map(channel).collect::<Result<_, _>>()?;
        Ok(Self { shape: *ensemble.architecture(), channels })
    }

    /// An engine for another client's key: weights and memory are shared, so that clients can take turns.
    ///
    /// # Errors
    /// If the key is for other parameters.
    pub fn with_key(&self, key: &EvaluationKey) -> Result<Self, PlanError> {
        if key.channels.len() != self.channels.len() {
            return Err(PlanError::OtherParameters);
        }
        let channels = self.channels.iter().zip(&key.channels).map(|(channel, key)| channel.with_key(key));
        Ok(Self { shape: self.shape, channels: channels.collect::<Result<_, _>>()? })
    }

    /// The same engine with answers that are made anew, so that nothing but the logits shows in them: see [`Flood`]. The
    /// parameters must leave room for that noise ([`Request::hide_model`](crate::planner::Request)).
    #[must_use]
    pub fn hiding(mut self, flood: Flood) -> Self {
        self.channels.iter_mut().for_each(|channel| channel.flood = Some(flood));
        self
    }

    /// The instruction set that the inner loops run with.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.channels[0].plan.kernel
    }

    /// The work of one batch, in the units that [`evaluate`](Self::evaluate) reports.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.channels.iter().map(ChannelEngine::work).sum()
    }

    /// Evaluates every member on `batch` and adds their logits, using the threads of the current `rayon` pool;
    /// `observer` is told of finished work and may cancel the evaluation between two tiles. The members' own logits are returned
    /// `with_members` only: they cost ten relinearisations each that their sum does not need.
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
        batch.check(&self.shape, self.channels.iter().map(|channel| &channel.channel))?;
        let mut answers = Vec::new();
        for (channel, pixels) in self.channels.iter().zip(&batch.channels) {
            answers.push(channel.evaluate(pixels, with_members, observer)?);
        }
        Ok(joined(answers))
    }
}

/// The channels' answers as one, with the time of all of them.
fn joined(answers: Vec<ChannelAnswer>) -> EncryptedAnswer {
    let members = answers.first().map_or(0, |answer| answer.members.len());
    let mut voters = vec![EncryptedLogits { channels: Vec::new(), evaluation: Evaluation::Engine }; members];
    let mut ensemble = EncryptedLogits { channels: Vec::new(), evaluation: Evaluation::Engine };
    let mut times: Vec<LayerTime> = Vec::new();
    for answer in answers {
        for (voter, classes) in voters.iter_mut().zip(answer.members) {
            voter.channels.push(classes);
        }
        ensemble.channels.push(answer.ensemble);
        for time in answer.times {
            LayerTime::add(&mut times, time);
        }
    }
    EncryptedAnswer { members: voters, ensemble, times }
}

#[cfg(test)]
mod tests;
