//! Error polynomials.

use fhe_util::sample_vec_cbd;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// The variance of errors: `fhe`'s, for the parameters that its builder makes.
const ERROR_VARIANCE: usize = 10;

/// Draws an error polynomial of `fhe`'s centred binomial distribution: coefficients of at most 20 in absolute value.
pub fn draw_error(rng: &mut impl CryptoRng, error: &mut [i64]) {
    // The only refusal is a variance that is not between 1 and 16.
    let samples = Zeroizing::new(sample_vec_cbd(error.len(), ERROR_VARIANCE, rng).unwrap_or_default());
    error.copy_from_slice(&samples);
}
