//! An evaluation whose ciphertexts between the blocks are kept, to measure their noise.

use fhe::bfv::Ciphertext;
use rayon::prelude::*;

use super::Engine;
use super::channel::ChannelEngine;
use super::ciphertext_ring::ciphertext;
use super::clock::StageClock;
use crate::{BfvError, EncryptedBatch};

impl Engine {
    /// In one channel the hidden units of every member, and the members' summed logits with all ciphertext primes.
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
        mut self,
        pixels: &[Ciphertext],
    ) -> Result<(Vec<Ciphertext>, Vec<Ciphertext>), BfvError> {
        self.answer_level = 0;
        let inputs = self.prepare(pixels);
        let points = self.first_block(&inputs, &|_| (), &mut StageClock::new(self.plan.members.len()))?;
        let units = self.shape.hidden;
        let hidden: Vec<Ciphertext> = (0..self.plan.members.len() * units)
            .into_par_iter()
            .map(|index| {
                let (member, unit) = (index / units, index % units);
                let bias = &self.plan.members[member].hidden_biases[unit];
                let parts = self.relinearised(|part| self.gathered(points.pieces(member, part, unit)), bias);
                ciphertext(&parts, self.channel.inner())
            })
            .collect::<Result<_, _>>()?;
        let prepared: Vec<_> =
            hidden.iter().map(|unit| [0, 1].map(|part| self.prepare_polynomial(&unit[part]))).collect();
        let sums = self.second_block(&prepared);
        let logits = self.answer(&sums, |sums| &sums.ensemble[..], &self.plan.ensemble_biases)?;
        Ok((hidden, logits))
    }
}
