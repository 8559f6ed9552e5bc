//! The rows of `noise.csv`.

use serde::{Deserialize, Serialize};
use sottovoce_bfv::Encryption;

/// One row of `noise.csv`: the noise of one network at one stage of its evaluation, predicted and measured. Bits are
/// binary logarithms of absolute noise coefficients; noise below 1 counts as 1, and standard deviations are predicted
/// to be at least that of a rounding, -1.792 bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoiseRow {
    /// Number of the network, from 1.
    pub network: usize,
    /// Kind of its weights.
    pub weights: String,
    /// Pixels on a side of the image.
    pub image_side: usize,
    /// Convolution maps.
    pub maps: usize,
    /// Hidden units.
    pub hidden: usize,
    /// Classes.
    pub classes: usize,
    /// Networks in the ensemble.
    pub members: usize,
    /// `public` or `secret`: the key that images were encrypted with.
    pub encryption: Encryption,
    /// `engine` or `reference`.
    pub evaluator: String,
    /// The ring degree.
    pub degree: usize,
    /// Bits of the plaintext modulus.
    pub plaintext_bits: usize,
    /// Ciphertext primes of an upload.
    pub ciphertext_primes: usize,
    /// Bits of the ciphertext modulus of an upload.
    pub ciphertext_bits: usize,
    /// How many of the primes the engine's hidden units keep.
    #[serde(default)]
    pub hidden_primes: usize,
    /// `fresh`, `hidden` (units), `logits` (the members' sum with all primes that it has: in the engine those of hidden units)
    /// or `answer` (switched down).
    pub stage: String,
    /// The predicted standard deviation.
    pub predicted_bits: f64,
    /// The prediction with its tail: at most 2^-40 of all runs leave it.
    pub bound_bits: f64,
    /// The largest coefficient found, over all ciphertexts of the stage.
    pub measured_bits: f64,
    /// The standard deviation found in the noisiest ciphertext of the stage.
    pub measured_deviation_bits: f64,
}

impl NoiseRow {
    /// Bits from the largest noise that was measured up to the bound.
    #[must_use]
    pub fn gap_bits(&self) -> f64 {
        self.bound_bits - self.measured_bits
    }
}
