//! How much noise an evaluation is expected to leave.
//!
//! An average-case estimate in bits of the largest coefficient, from growth measured with the `fhe` crate
//! at N = 8192 (secret and errors from a centred binomial distribution of variance 10):
//!
//! - a fresh encryption carries 13 bits with the public key, 4 with the secret key;
//! - a sum with weights `w` multiplies independent noise by the row's L2 norm;
//! - a square multiplies it by `t * 2^14`, that is `t * N * 2` for other degrees;
//! - relinearisation with one digit per ciphertext prime adds noise of 12 bits above a prime's size.
//!
//! The noise that is really left is measured at decryption (`measured_bits`), and too much of it is an error
//! there.

use fhe::bfv::{Ciphertext, SecretKey};
use sottovoce_network::{IntegerBlock, IntegerEnsemble};

use crate::Encryption;

const FRESH_BITS_PUBLIC_KEY: f64 = 13.0;
const FRESH_BITS_SECRET_KEY: f64 = 4.0;
const RELINEARISATION_BITS_ABOVE_PRIME: f64 = 12.0;

/// The expected bits of noise after each layer of an ensemble's evaluation, the largest over its members.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseEstimate {
    /// In a fresh encryption.
    pub fresh: f64,
    /// After the convolution.
    pub convolution: f64,
    /// After the first square and its relinearisation.
    pub first_square: f64,
    /// After the hidden dense layer.
    pub hidden: f64,
    /// After the second square and its relinearisation.
    pub second_square: f64,
    /// In the members' sum.
    pub logits: f64,
}

impl NoiseEstimate {
    /// Estimates the noise for plaintext modulus `t` and ciphertext primes of `prime_bits` bits.
    #[must_use]
    pub fn new(
        ensemble: &IntegerEnsemble,
        encryption: Encryption,
        degree: usize,
        t: u64,
        prime_bits: usize,
    ) -> Self {
        let norm = |block: fn(&sottovoce_network::IntegerNetwork) -> &IntegerBlock| {
            ensemble.members().iter().map(|member| largest_l2_norm(block(member))).fold(1.0, f64::max).log2()
        };
        let square_growth = (t as f64).log2() + (degree as f64).log2() + 1.0;
        let relinearisation = prime_bits as f64 + RELINEARISATION_BITS_ABOVE_PRIME;
        let square = |bits: f64| add_bits(bits + square_growth, relinearisation);

        let fresh = match encryption {
            Encryption::PublicKey => FRESH_BITS_PUBLIC_KEY,
            Encryption::SecretKey => FRESH_BITS_SECRET_KEY,
        };
        let convolution = fresh + norm(|member| member.convolution());
        let first_square = square(convolution);
        let hidden = first_square + norm(|member| member.hidden());
        let second_square = square(hidden);
        let members = ensemble.members().len() as f64;
        let logits = second_square + norm(|member| member.output()) + members.log2() / 2.0;
        Self { fresh, convolution, first_square, hidden, second_square, logits }
    }
}

/// Bits of the largest noise coefficient in a ciphertext.
#[allow(unsafe_code)]
pub(crate) fn measured_bits(secret: &SecretKey, ciphertext: &Ciphertext) -> Result<usize, fhe::Error> {
    // SAFETY: `measure_noise` touches memory safely; it is marked unsafe because its time depends on the
    // noise. Only the client calls it, on its own answers in its own process.
    unsafe { secret.measure_noise(ciphertext) }
}

/// `log2(2^a + 2^b)`.
fn add_bits(a: f64, b: f64) -> f64 {
    let (larger, smaller) = if a > b { (a, b) } else { (b, a) };
    larger + (smaller - larger).exp2().ln_1p() / std::f64::consts::LN_2
}

fn largest_l2_norm(block: &IntegerBlock) -> f64 {
    block
        .row_iter()
        .map(|row| row.iter().map(|&w| (w as f64).powi(2)).sum::<f64>().sqrt())
        .fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_equal_noise_costs_one_bit() {
        assert!((add_bits(60.0, 60.0) - 61.0).abs() < 1e-12);
        assert!((add_bits(100.0, 3.0) - 100.0).abs() < 1e-9);
    }
}
