//! The rows of `noise.csv`.

use serde::{Deserialize, Serialize};
use sottovoce_bfv::Encryption;

/// One row of `noise.csv`: the predicted and the measured noise of one network at one stage of its evaluation.
///
/// Bits are binary logarithms of absolute noise coefficients. Noise below 1 counts as 1. Predicted standard deviations are at
/// least the standard deviation of a rounding, -1.792 bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseRow {
    /// Number of the network, from 1.
    pub network: usize,
    /// Kind of the network's weights.
    pub weights: String,
    /// Pixels on a side of the image.
    pub image_side: usize,
    /// Number of convolution maps.
    pub maps: usize,
    /// Number of hidden units.
    pub hidden: usize,
    /// Number of classes.
    pub classes: usize,
    /// Number of networks in the ensemble.
    pub members: usize,
    /// The key that images were encrypted with: `public` or `secret`.
    pub encryption: Encryption,
    /// The evaluator: `engine` or `reference`, or `packed` for the engine's packed evaluation.
    pub evaluator: String,
    /// The ring degree.
    pub degree: usize,
    /// Bits of the plaintext modulus.
    pub plaintext_bits: usize,
    /// Number of ciphertext primes of an upload.
    pub ciphertext_primes: usize,
    /// Bits of the ciphertext modulus of an upload.
    pub ciphertext_bits: usize,
    /// Number of ciphertext primes that the engine's hidden units keep.
    #[serde(default)]
    pub hidden_primes: usize,
    /// The stage: `fresh` (a new encryption), `hidden` (hidden units), `logits` (the members' sum before the last modulus switch) or
    /// `answer` (the sum after it). Packed evaluation also has `convolution` and `square` (its sums and their squares); these and its hidden
    /// units are measured before they are switched down.
    pub stage: String,
    /// The predicted standard deviation, in bits.
    pub predicted_bits: f64,
    /// The predicted bound on the noise, in bits. The noise of a run exceeds it with a probability of at most 2^-40.
    pub bound_bits: f64,
    /// The largest measured coefficient over all ciphertexts of the stage, in bits.
    pub measured_bits: f64,
    /// The measured standard deviation in the noisiest ciphertext of the stage, in bits.
    pub measured_deviation_bits: f64,
}

impl NoiseRow {
    /// Returns the difference between the predicted bound and the largest measured noise, in bits.
    #[must_use]
    pub fn gap_bits(&self) -> f64 {
        self.bound_bits - self.measured_bits
    }
}
