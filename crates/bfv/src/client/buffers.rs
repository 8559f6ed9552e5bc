//! Memory that encryption reuses from one ciphertext to the next, and the error polynomials that are drawn into it.

use fhe_util::sample_vec_cbd;
use rand::CryptoRng;
use zeroize::Zeroizing;

use crate::parameters::limits::ERROR_VARIANCE;

/// Secret polynomials of N coefficients, for one thread that encrypts. New memory for every ciphertext would cost as much time
/// as the arithmetic. Everything is zeroed when dropped.
pub struct EncryptionBuffers {
    /// Coefficients of `Q m mod t` for the message m.
    pub message: Residues,
    /// The error; with the public key, both errors.
    pub errors: [ErrorPolynomial; 2],
    /// The public key's multiplier u.
    pub mask: ErrorPolynomial,
    /// The values of u modulo one prime.
    pub transformed_mask: Residues,
    /// Residues that switching the modulus subtracts from both polynomials ([`rounding`](crate::shoup::dispatch::rounding)).
    pub roundings: [Residues; 2],
}

/// Residues below one modulus.
pub type Residues = Zeroizing<Vec<u64>>;

/// Coefficients from -20 to 20.
pub type ErrorPolynomial = Zeroizing<Vec<i64>>;

impl EncryptionBuffers {
    /// Buffers for polynomials of `degree` coefficients.
    #[must_use]
    pub fn new(degree: usize) -> Self {
        let residues = || Zeroizing::new(vec![0; degree]);
        let error = || Zeroizing::new(vec![0; degree]);
        Self {
            message: residues(),
            errors: [error(), error()],
            mask: error(),
            transformed_mask: residues(),
            roundings: [residues(), residues()],
        }
    }
}

/// Draws an error polynomial of `fhe`'s centred binomial distribution.
pub fn draw_error(rng: &mut impl CryptoRng, error: &mut ErrorPolynomial) {
    // `fhe` refuses only variances that are not between 1 and 16.
    let samples = Zeroizing::new(sample_vec_cbd(error.len(), ERROR_VARIANCE, rng).unwrap_or_default());
    error.copy_from_slice(&samples);
}
