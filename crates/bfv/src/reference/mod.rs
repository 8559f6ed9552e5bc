//! The reference evaluator: encrypted evaluation with only `fhe`'s public operations.
//!
//! The reference evaluates layer by layer, as the paper does: every square is rescaled and relinearised separately. The engine is measured
//! against it and checked with it, so it is as fast as these operations allow: weights are added in signed binary digits
//! instead of multiplied (`weighted_sum`), all outputs of a layer are computed in parallel, and biases are encoded once.
//!
//! Memory is at its largest in the first square: the batch (`pixels` ciphertexts) and the activations
//! (`activations` ciphertexts) at the same time, 640 MB for the paper's network with three primes.

#[cfg(test)]
mod tests;
mod weighted_sum;

use std::time::Instant;

use fhe::bfv::{Ciphertext, Encoding, Plaintext};
use fhe_math::rq::{Poly, Representation};
use fhe_traits::FheEncoder;
use rayon::prelude::*;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

use crate::ciphertexts::{
    EncryptedAnswer, EncryptedBatch, EncryptedLogits, IntermediateCiphertexts, expanded_ciphertexts,
};
use crate::error::BfvError;
use crate::evaluation::{EvaluatorKind, Layer, LayerTime};
use crate::evaluation_key::{ChannelKey, EvaluationKey};
use crate::progress::ProgressObserver;
use weighted_sum::weighted_sum;

/// Evaluates an ensemble on encrypted batches with only `fhe`'s public operations.
#[derive(Debug)]
pub struct ReferenceEvaluator<'a> {
    key: &'a EvaluationKey,
    ensemble: &'a IntegerEnsemble,
}

/// The cost of one output of each layer in additions, so that progress is even.
mod cost {
    pub const CONVOLUTION: u64 = 25;
    pub const SQUARE: u64 = 400;
    pub const HIDDEN: u64 = 700;
    pub const OUTPUT: u64 = 120;
}

impl<'a> ReferenceEvaluator<'a> {
    /// An evaluator of `ensemble` under `key`.
    #[must_use]
    pub fn new(key: &'a EvaluationKey, ensemble: &'a IntegerEnsemble) -> Self {
        Self { key, ensemble }
    }

    /// The work of one batch, in the units that [`evaluate`](Self::evaluate) reports.
    #[must_use]
    pub fn work(&self) -> u64 {
        let shape = self.ensemble.architecture();
        let count = |outputs: usize, cost: u64| outputs as u64 * cost;
        let member = count(shape.activations(), cost::CONVOLUTION + cost::SQUARE)
            + count(shape.hidden, cost::HIDDEN + cost::SQUARE)
            + count(shape.classes, cost::OUTPUT);
        member * (self.ensemble.members().len() * self.key.channels().len()) as u64
    }

    /// Evaluates every member on `batch` and adds their logits, using the threads of the current `rayon`
    /// pool. `observer` is told of finished work and may cancel the evaluation.
    ///
    /// # Errors
    /// If the batch holds other images than the network reads, `observer` cancels the evaluation, or `fhe` refuses an operation.
    pub fn evaluate(
        &self,
        batch: &EncryptedBatch,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedAnswer, BfvError> {
        self.check(batch)?;
        let none = EncryptedLogits { channels: Vec::new(), evaluator: EvaluatorKind::Reference };
        let mut members = vec![none.clone(); self.ensemble.members().len()];
        let mut ensemble = none;
        let mut times = Vec::new();
        for (key, pixels) in self.key.channels().iter().zip(&batch.channels) {
            let pixels = &expanded_ciphertexts(&batch.layout, &key.channel, pixels)?[..];
            let channel = ChannelEvaluator { key, pixels, observer };
            let mut voters = Vec::new();
            for (number, network) in self.ensemble.members().iter().enumerate() {
                let mut clock = LayerClock { member: Some(number), times: &mut times, start: Instant::now() };
                voters.push(channel.member(network, &mut clock)?);
            }
            let mut clock = LayerClock { member: None, times: &mut times, start: Instant::now() };
            let mut summed = sum(&voters);
            // The client expects the engine's level of answers.
            let level = key.channel.answer_level().dropped_primes();
            voters
                .par_iter_mut()
                .chain(rayon::iter::once(&mut summed))
                .flatten()
                .try_for_each(|logit| logit.switch_to_level(level))?;
            ensemble.channels.push(summed);
            clock.lap(Layer::EnsembleSum);
            for (member, voter) in members.iter_mut().zip(voters) {
                member.channels.push(voter);
            }
        }
        Ok(EncryptedAnswer { members, ensemble, times })
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
        let (Some(key), Some(pixels)) = (self.key.channels().get(channel), batch.channels.get(channel))
        else {
            return Err(BfvError::Channels { found: channel, needed: self.key.channels().len() });
        };
        let pixels = &expanded_ciphertexts(&batch.layout, &key.channel, pixels)?[..];
        let evaluator = ChannelEvaluator { key, pixels, observer: &() };
        let (mut units, mut logits) = (Vec::new(), Vec::new());
        for network in self.ensemble.members() {
            let mut activations = evaluator.convolution(network)?;
            evaluator.square(&mut activations)?;
            let mut hidden = evaluator.dense(network.hidden(), &activations, cost::HIDDEN)?;
            units.extend(hidden.iter().cloned());
            evaluator.square(&mut hidden)?;
            logits.push(evaluator.dense(network.output(), &hidden, cost::OUTPUT)?);
        }
        Ok(IntermediateCiphertexts { hidden: units, logits: sum(&logits) })
    }

    /// Checks that the batch fits the network and the key.
    fn check(&self, batch: &EncryptedBatch) -> Result<(), BfvError> {
        batch.check(self.ensemble.architecture(), self.key.channels().iter().map(|key| &key.channel))
    }
}

/// The evaluation modulo one plaintext modulus.
struct ChannelEvaluator<'a> {
    key: &'a ChannelKey,
    pixels: &'a [Ciphertext],
    observer: &'a dyn ProgressObserver,
}

impl ChannelEvaluator<'_> {
    fn member(
        &self,
        network: &IntegerNetwork,
        clock: &mut LayerClock<'_>,
    ) -> Result<Vec<Ciphertext>, BfvError> {
        let mut activations = self.convolution(network)?;
        clock.lap(Layer::Convolution1);
        self.square(&mut activations)?;
        clock.lap(Layer::Activation2);
        let mut hidden = self.dense(network.hidden(), &activations, cost::HIDDEN)?;
        drop(activations);
        clock.lap(Layer::Dense3);
        self.square(&mut hidden)?;
        clock.lap(Layer::Activation4);
        let classes = self.dense(network.output(), &hidden, cost::OUTPUT)?;
        clock.lap(Layer::Dense5);
        Ok(classes)
    }

    #[expect(
        clippy::indexing_slicing,
        reason = "a kernel has a weight for every tap, and the batch a ciphertext for every pixel"
    )]
    fn convolution(&self, network: &IntegerNetwork) -> Result<Vec<Ciphertext>, BfvError> {
        let (shape, block) = (network.architecture(), network.convolution());
        let biases = self.biases(block)?;
        let output = |index: usize| {
            let (map, position) = (index / shape.positions(), index % shape.positions());
            let weights = block.row(map);
            let terms = shape.window(position).map(|(tap, pixel)| (weights[tap], &self.pixels[pixel]));
            let sum = weighted_sum(&biases[map], terms);
            self.observer.advance(cost::CONVOLUTION);
            sum
        };
        Ok((0..shape.activations()).into_par_iter().map(output).collect())
    }

    fn dense(
        &self,
        block: &IntegerBlock,
        inputs: &[Ciphertext],
        cost: u64,
    ) -> Result<Vec<Ciphertext>, BfvError> {
        let biases = self.biases(block)?;
        let output = |(row, bias): (usize, &Ciphertext)| {
            let sum = weighted_sum(bias, block.row(row).iter().copied().zip(inputs));
            self.observer.advance(cost);
            sum
        };
        Ok(biases.par_iter().enumerate().map(output).collect())
    }

    fn square(&self, values: &mut [Ciphertext]) -> Result<(), BfvError> {
        values.par_iter_mut().try_for_each(|value| {
            if self.observer.is_cancelled() {
                return Err(BfvError::Cancelled);
            }
            // `fhe` recognises a product of equal operands and extends it once.
            let mut square = &*value * &*value;
            self.key.relinearisation.relinearizes(&mut square)?;
            *value = square;
            self.observer.advance(cost::SQUARE);
            Ok(())
        })
    }

    /// Every bias in all slots, as the trivial ciphertext (delta * bias, 0).
    fn biases(&self, block: &IntegerBlock) -> Result<Vec<Ciphertext>, BfvError> {
        let parameters = self.key.channel.inner();
        let level = self.key.channel.upload_level();
        let context = self.key.channel.context(level)?;
        let t = i128::from(parameters.plaintext());
        let encode = |&bias: &i128| -> Result<Ciphertext, BfvError> {
            let zero = Poly::zero(context, Representation::Ntt);
            // A constant polynomial has the same value in every slot.
            let value = bias.rem_euclid(t) as u64;
            let plaintext =
                Plaintext::try_encode(&[value], Encoding::poly_at_level(level.dropped_primes()), parameters)?;
            Ok(Ciphertext::new(vec![zero.clone(), zero], parameters)? + &plaintext)
        };
        block.biases().par_iter().map(encode).collect()
    }
}

/// Adds the members' logits.
#[expect(clippy::indexing_slicing, reason = "all members have logits of the same classes")]
fn sum(members: &[Vec<Ciphertext>]) -> Vec<Ciphertext> {
    let (first, rest) = members.split_first().map_or((&[][..], &[][..]), |(f, r)| (&f[..], r));
    let add = |(class, first): (usize, &Ciphertext)| {
        rest.iter().fold(first.clone(), |sum, member| sum + &member[class])
    };
    first.iter().enumerate().map(add).collect()
}

/// Attributes the time since the last lap to layers of one member.
struct LayerClock<'a> {
    member: Option<usize>,
    times: &'a mut Vec<LayerTime>,
    start: Instant,
}

impl LayerClock<'_> {
    fn lap(&mut self, layer: Layer) {
        let now = Instant::now();
        LayerTime::add(self.times, LayerTime { member: self.member, layer, elapsed: now - self.start });
        self.start = now;
    }
}
