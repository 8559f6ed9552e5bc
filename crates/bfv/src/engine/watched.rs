//! An evaluation whose ciphertexts between the blocks are kept, to measure their noise.

use fhe::bfv::Ciphertext;
use rayon::prelude::*;

use super::Engine;
use super::block::Inputs;
use super::channel::ChannelEngine;
use super::clock::TileClock;
use super::key_switching::ciphertext;
use crate::packed::PackedCiphertext;
use crate::{BfvError, EncryptedBatch};

impl Engine {
    /// In one channel the hidden units of every member, and the members' summed logits with the primes of hidden units.
    pub(crate) fn hidden_and_logits(
        mut self,
        batch: &EncryptedBatch,
        channel: usize,
    ) -> Result<(Vec<Ciphertext>, Vec<Ciphertext>), BfvError> {
        self.channels.swap_remove(channel).hidden_and_logits(&batch.channels[channel])
    }
}

impl ChannelEngine {
    fn hidden_and_logits(
        self,
        pixels: &[PackedCiphertext],
    ) -> Result<(Vec<Ciphertext>, Vec<Ciphertext>), BfvError> {
        let (first, last) = (&self.plan.blocks[0], self.last_block());
        let (level, degree) = (self.channel.hidden_level(), self.degree());
        let sums =
            |block, inputs: &Inputs<'_>| self.sums(block, inputs, &TileClock::new(first.members.len()), &());
        let units = self.outputs(first, &sums(first, &self.pixels(pixels)?)?);
        let length = self.channel.hidden_primes().len() * degree;
        let hidden = units
            .par_iter()
            .map(|unit| ciphertext(unit, length, self.channel.inner(), level))
            .collect::<Result<_, _>>()?;
        let points = sums(last, &Inputs::Members { units, per_member: first.outputs, degree })?;
        let all: Vec<usize> = (0..last.members.len()).collect();
        let logits = last.summed_biases.par_iter().enumerate();
        let logits = logits
            .map(|(class, bias)| self.logit(&points, &all, class, bias, level))
            .collect::<Result<_, _>>()?;
        Ok((hidden, logits))
    }
}
