//! An evaluation whose ciphertexts between the blocks are kept, to measure their noise.

use fhe::bfv::Ciphertext;

use super::{ReferenceEvaluator, sum};
use crate::{BfvError, EncryptedBatch, EncryptedLogits};

impl ReferenceEvaluator<'_> {
    /// The hidden units of every member, and the members' summed logits.
    pub(crate) fn hidden_and_logits(
        &self,
        batch: &EncryptedBatch,
    ) -> Result<(Vec<Ciphertext>, Vec<Ciphertext>), BfvError> {
        let (mut units, mut logits) = (Vec::new(), Vec::new());
        for network in self.ensemble.members() {
            let mut activations = self.convolution(network, batch, &|_| ())?;
            self.square(&mut activations, &|_| ())?;
            let mut hidden = self.dense(network.hidden(), &activations, 0, &|_| ())?;
            units.extend(hidden.iter().cloned());
            self.square(&mut hidden, &|_| ())?;
            logits.push(EncryptedLogits { classes: self.dense(network.output(), &hidden, 0, &|_| ())? });
        }
        Ok((units, sum(&logits).classes))
    }
}
