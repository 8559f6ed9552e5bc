//! The engine: an ensemble as plain arithmetic at the evaluation points.
//!
//! In the reference evaluator every one of the 845 squares is scaled and relinearised by itself. Here the inputs are
//! lifted once from the ciphertext modulus Q to a base of primes so large that nothing wraps, and transformed;
//! from then on a polynomial is its values at the evaluation points, and convolution, square and dense layer are small
//! sums and products of residues at every point by itself (`first_block`). Only the 100 hidden units are taken back:
//! inverse transform, scaling by t / Q, bias, relinearisation. The second block is the same once more, and its last
//! sums run over all members, so that ten scalings serve the whole ensemble (`second_block`).
//!
//! What decrypts is what the reference's answers decrypt to, since both are the same ring arithmetic; the noise
//! differs by a few bits.
//!
//! All of that is done once in every channel, for one plaintext modulus after the other.
//!
//! | module | holds |
//! | --- | --- |
//! | `channel` | the evaluation in one channel |
//! | `plan` | evaluation primes, weights in their kernel's form |
//! | `bounds` | how large values become |
//! | `rns` | lift from Q, scaling back to Q |
//! | `ciphertext_ring` | transforms modulo the ciphertext primes, relinearisation |
//! | `buffers` | memory that is used again |
//! | `kernels` | the inner loops, compiled for several instruction sets |
//! | `first_block` | convolution, square and hidden layer at the evaluation points |
//! | `hiding` | answers that say nothing of the weights but the logits |
//! | `second_block` | square, last layer and the members' sum |
//!
//! Memory: the prepared inputs (25 bytes a coefficient with three ciphertext primes, 320 MB for the paper's network),
//! the transformed inputs of one prime (103 MB), and the hidden units' values at all primes (140 MB a member). It is kept
//! for the next channel and the next batch (`buffers`).

mod bounds;
mod buffers;
mod channel;
mod ciphertext_ring;
mod clock;
mod first_block;
mod hiding;
mod kernels;
mod plan;
mod rns;
mod second_block;
#[doc(hidden)]
pub mod stages;
mod watched;

use std::sync::Arc;

use sottovoce_network::{Architecture, IntegerEnsemble};

use crate::{BfvError, EncryptedAnswer, EncryptedBatch, EncryptedLogits, EvaluationKey, LayerTime, Watch};
pub(crate) use bounds::BlockNorms;
use buffers::Buffers;
use channel::{ChannelAnswer, ChannelEngine};
pub use hiding::{Flood, HIDING_LOG2};
pub use kernels::{Kernel, UnknownKernel};
pub use plan::PlanError;

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

    /// The same engine under another client's key: weights and memory are shared, so that clients can take turns.
    ///
    /// # Errors
    /// If the key is for other parameters.
    pub fn under(&self, key: &EvaluationKey) -> Result<Self, PlanError> {
        if key.channels.len() != self.channels.len() {
            return Err(PlanError::OtherParameters);
        }
        let channels = self.channels.iter().zip(&key.channels).map(|(channel, key)| channel.under(key));
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

    /// Primes that ciphertexts of a channel are lifted to.
    #[must_use]
    pub fn evaluation_primes(&self) -> usize {
        self.channels[0].plan.moduli.len()
    }

    /// The work of one batch, in the units that [`evaluate`](Self::evaluate) reports.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.channels.iter().map(ChannelEngine::work).sum()
    }

    /// Evaluates every member on `batch` and adds their logits, using the threads of the current `rayon` pool;
    /// `watch` is told of finished work and may end it between two tiles. The members' own logits are returned
    /// `with_members` only: they cost a scaling each that their sum does not need.
    ///
    /// # Errors
    /// If the batch holds other images than the network reads or comes from other parameters, `watch` ends the
    /// evaluation, or `fhe` refuses an operation.
    pub fn evaluate(
        &self,
        batch: &EncryptedBatch,
        with_members: bool,
        watch: &dyn Watch,
    ) -> Result<EncryptedAnswer, BfvError> {
        batch.check(&self.shape, self.channels.iter().map(|channel| &channel.channel))?;
        let mut answers = Vec::new();
        for (channel, pixels) in self.channels.iter().zip(&batch.channels) {
            answers.push(channel.evaluate(pixels, with_members, watch)?);
        }
        Ok(joined(answers))
    }
}

/// The channels' answers as one, with the time of all of them.
fn joined(answers: Vec<ChannelAnswer>) -> EncryptedAnswer {
    let members = answers.first().map_or(0, |answer| answer.members.len());
    let mut voters = vec![EncryptedLogits { channels: Vec::new() }; members];
    let mut ensemble = EncryptedLogits { channels: Vec::new() };
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

/// The factors of the three parts of a square (Fan and Vercauteren 2012): a0^2, 2 a0 a1, a1^2.
fn square_parts([first, second]: [&[i64]; 2]) -> [(&[i64], &[i64], i64); 3] {
    [(first, first, 1), (first, second, 2), (second, second, 1)]
}

#[cfg(test)]
mod tests;
