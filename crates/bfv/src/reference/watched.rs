//! An evaluation whose ciphertexts between the blocks are kept, to measure their noise.

use fhe::bfv::Ciphertext;

use super::{ChannelEvaluator, ReferenceEvaluator, sum};
use crate::{BfvError, EncryptedBatch};

impl ReferenceEvaluator<'_> {
    /// In one channel the hidden units of every member, and the members' summed logits.
    pub(crate) fn hidden_and_logits(
        &self,
        batch: &EncryptedBatch,
        channel: usize,
    ) -> Result<(Vec<Ciphertext>, Vec<Ciphertext>), BfvError> {
        let key = &self.key.channels[channel];
        let pixels = &crate::parts::pixels(&batch.layout, &key.channel, &batch.channels[channel])?[..];
        let evaluator = ChannelEvaluator { key, pixels, observer: &() };
        let (mut units, mut logits) = (Vec::new(), Vec::new());
        for network in self.ensemble.members() {
            let mut activations = evaluator.convolution(network)?;
            evaluator.square(&mut activations)?;
            let mut hidden = evaluator.dense(network.hidden(), &activations, 0)?;
            units.extend(hidden.iter().cloned());
            evaluator.square(&mut hidden)?;
            logits.push(evaluator.dense(network.output(), &hidden, 0)?);
        }
        Ok((units, sum(&logits)))
    }
}
