//! Packed evaluation: one image in the slots of one ciphertext.
//!
//! Ciphertexts stay in BFV form, which is the BGV form divided by t, so that a modulus switch is a plain rounding division and only squares
//! are multiplied by t. Linear layers are sums of rotated ciphertexts times weights in slots ([`packed`](crate::packed)).
//! `docs/engine.md` derives the steps and the constant factors modulo t, which weights and biases contain.
//!
//! Switching keys have the residues modulo one more prime, the special prime P, by which their products are divided. They do not depend on
//! the plaintext modulus, so all channels use the same.
//!
//! | module | holds |
//! | --- | --- |
//! | `ring` | primes, transforms and permutations that all channels share |
//! | `switching_key` | keys in the engine's form; products of digits with a key; division by P |
//! | `operations` | rotations, squares and sums of diagonals |
//! | `weights` | weights and biases of a network as polynomials |
//! | `channel` | the evaluation in one channel, step by step |

mod channel;
mod operations;
mod ring;
mod switching_key;
#[cfg(test)]
mod tests;
mod weights;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rayon::prelude::*;
use sottovoce_network::IntegerEnsemble;

use super::buffer_pool::BufferPool;
use super::channel::ChannelAnswer;
use super::error::EngineError;
use crate::ciphertexts::{EncryptedBatch, PackedIntermediateCiphertexts};
use crate::error::BfvError;
use crate::evaluation_key::PackedKeyResidues;
use crate::kernel::Kernel;
use crate::packed::PackedLayout;
use crate::parameters::packed_chain::Rotation;
use crate::parameters::parameter_set::Parameters;
use crate::progress::ProgressObserver;
use channel::{PackedChannel, PackedStep};
use ring::PackedRing;
use switching_key::SwitchingKeys;

/// An ensemble compiled for packed evaluation, in all channels. It does not depend on a key.
pub struct PackedModel {
    parameters: Parameters,
    ring: PackedRing,
    channels: Vec<PackedChannel>,
}

/// Evaluates an ensemble on single images, with one client's keys.
pub struct PackedEngine {
    model: Arc<PackedModel>,
    keys: SwitchingKeys,
}

impl PackedModel {
    /// Compiles `ensemble` for packed `parameters`.
    ///
    /// # Errors
    /// If the parameters are batched or lack rotations of the ensemble, or the network does not fit in the slots.
    pub fn new(
        parameters: &Parameters,
        ensemble: &IntegerEnsemble,
        kernel: Kernel,
    ) -> Result<Self, EngineError> {
        let (Some(chain), [first, ..]) = (parameters.packed(), parameters.channels()) else {
            return Err(EngineError::OtherParameters);
        };
        let layout = PackedLayout::new(ensemble.architecture(), parameters.degree())?;
        let needed = layout.rotations(first.ciphertext_primes().len(), chain.kept);
        if let Some(Rotation { steps, primes }) = chain.missing(&needed) {
            return Err(EngineError::Rotation { steps, primes });
        }
        let ring = PackedRing::new(first, kernel, BufferPool::default());
        let channel = |channel| PackedChannel::new(channel, chain.kept, &layout, ensemble, &ring);
        let channels = parameters.channels().par_iter().map(channel).collect::<Result<_, EngineError>>()?;
        Ok(Self { parameters: parameters.clone(), ring, channels })
    }
}

impl PackedEngine {
    /// An engine for a compiled ensemble and one client's keys for the same parameters.
    ///
    /// # Errors
    /// If the keys lack rotations.
    pub fn new(model: Arc<PackedModel>, keys: &PackedKeyResidues) -> Result<Self, EngineError> {
        let chain = model.parameters.packed().ok_or(EngineError::OtherParameters)?;
        let keys = SwitchingKeys::new(&model.ring, chain, keys)?;
        Ok(Self { model, keys })
    }

    /// An engine for another client's keys.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_keys(&self, keys: &PackedKeyResidues) -> Result<Self, EngineError> {
        Self::new(self.model.clone(), keys)
    }

    /// Returns whether the engine is for these parameters.
    pub fn is_for(&self, parameters: &Parameters) -> bool {
        let own = self.model.parameters.channels().iter();
        let same = own.zip(parameters.channels()).all(|(own, other)| Arc::ptr_eq(own.inner(), other.inner()));
        same && self.model.parameters.channels().len() == parameters.channels().len()
    }

    /// The units of work of one image in all channels, without members' answers.
    pub fn work(&self) -> u64 {
        self.model.channels.iter().map(PackedChannel::work).sum()
    }

    /// Evaluates one image in every channel.
    ///
    /// # Errors
    /// If the batch was encrypted for other parameters, is not one ciphertext in every channel, a ciphertext is incomplete, or `observer`
    /// cancels the evaluation.
    pub fn evaluate(
        &self,
        batch: &EncryptedBatch,
        with_members: bool,
        observer: &dyn ProgressObserver,
    ) -> Result<Vec<ChannelAnswer>, BfvError> {
        self.check(batch)?;
        let evaluate = |(channel, ciphertexts): (&PackedChannel, &Vec<_>)| match &ciphertexts[..] {
            [image] => {
                channel.evaluate(&self.model.ring, &self.keys, image, with_members, observer, &|_, _| ())
            }
            _ => Err(BfvError::Pixels { found: ciphertexts.len(), needed: 1 }),
        };
        let start = Instant::now();
        let channels = self.model.channels.par_iter().zip(&batch.channels);
        let mut answers: Vec<ChannelAnswer> = channels.map(evaluate).collect::<Result<_, BfvError>>()?;
        // Channels and members run at the same time: their times are given shares of the whole.
        let times = || answers.iter().flat_map(|answer| &answer.times);
        let sum: f64 = times().map(|time| time.elapsed.as_secs_f64()).sum();
        let share = start.elapsed().as_secs_f64() / sum.max(f64::MIN_POSITIVE);
        for time in answers.iter_mut().flat_map(|answer| &mut answer.times) {
            time.elapsed = time.elapsed.mul_f64(share);
        }
        Ok(answers)
    }

    /// Checks that a batch was encrypted for the engine's parameters.
    fn check(&self, batch: &EncryptedBatch) -> Result<(), BfvError> {
        let (found, needed) = (batch.channels.len(), self.model.channels.len());
        if found != needed {
            return Err(BfvError::Channels { found, needed });
        }
        if batch.layout != self.model.parameters.upload_layout() {
            return Err(BfvError::Ring);
        }
        Ok(())
    }

    /// Evaluates one image in one channel, and keeps the ciphertexts between the steps.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate), or if there is no such channel.
    pub fn intermediate_ciphertexts(
        &self,
        batch: &EncryptedBatch,
        channel: usize,
    ) -> Result<PackedIntermediateCiphertexts, BfvError> {
        self.check(batch)?;
        let image = batch.channels.get(channel).and_then(|ciphertexts| ciphertexts.first());
        let (Some(engine), Some(image)) = (self.model.channels.get(channel), image) else {
            return Err(BfvError::Channels { found: channel, needed: self.model.channels.len() });
        };
        let steps = Mutex::new(Vec::new());
        let ChannelAnswer { ensemble: answer, .. } =
            engine.evaluate(&self.model.ring, &self.keys, image, false, &(), &|step, ciphertext| {
                let ciphertext = engine.ciphertext(ciphertext);
                steps.lock().unwrap_or_else(PoisonError::into_inner).push((step, ciphertext));
            })?;
        let mut all = PackedIntermediateCiphertexts { answer, ..PackedIntermediateCiphertexts::default() };
        for (step, ciphertext) in steps.into_inner().unwrap_or_else(PoisonError::into_inner) {
            let list = match step {
                PackedStep::Convolution => &mut all.convolution,
                PackedStep::Square => &mut all.square,
                PackedStep::Hidden => &mut all.hidden,
                PackedStep::Logits => &mut all.logits,
            };
            list.push(ciphertext?);
        }
        Ok(all)
    }
}
