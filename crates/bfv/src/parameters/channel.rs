//! The ring of one plaintext modulus.

use std::sync::Arc;

use fhe::bfv::{BfvParameters, BfvParametersBuilder};

/// Bits between plaintext modulus and ciphertext modulus that an answer keeps when it is switched down: the
/// switch itself leaves less than 11 bits of noise (10 standard deviations at N = 16384).
const ANSWER_BITS: f64 = 14.0;

/// One plaintext modulus with the ciphertext modulus over it. Everything is computed once in every channel, under keys
/// of the channel's own, and put together by the Chinese remainder theorem at the end.
#[derive(Debug, Clone)]
pub struct Channel {
    inner: Arc<BfvParameters>,
}

impl Channel {
    /// A channel of any size: nothing is checked but what `fhe` checks.
    pub(super) fn new(degree: usize, t: u64, prime_bits: &[usize]) -> Result<Self, fhe::Error> {
        let inner = BfvParametersBuilder::new()
            .set_degree(degree)
            .set_plaintext_modulus(t)
            .set_moduli_sizes(prime_bits)
            .build_arc()?;
        Ok(Self { inner })
    }

    pub(crate) fn inner(&self) -> &Arc<BfvParameters> {
        &self.inner
    }

    /// The ring degree N, also the number of slots.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.inner.degree()
    }

    /// The plaintext modulus.
    #[must_use]
    pub fn plaintext_modulus(&self) -> u64 {
        self.inner.plaintext()
    }

    /// The ciphertext primes, whose product is Q.
    #[must_use]
    pub fn ciphertext_primes(&self) -> &[u64] {
        self.inner.moduli()
    }

    /// Bits of noise at which decryption fails with the ciphertext primes that are left at `level` (the last
    /// ones go first): log2(Q / 2t).
    #[must_use]
    pub fn noise_limit_bits(&self, level: usize) -> f64 {
        noise_limit_bits(&self.prime_bits(), self.plaintext_modulus(), level)
    }

    fn prime_bits(&self) -> Vec<f64> {
        self.ciphertext_primes().iter().map(|&prime| (prime as f64).log2()).collect()
    }

    /// Bits of the largest noise that decrypted values are trusted with.
    pub(crate) fn largest_noise_bits(&self, level: usize) -> usize {
        largest_noise_bits(self.noise_limit_bits(level))
    }

    /// The lowest level to which an answer may be switched: fewer primes make it smaller.
    #[must_use]
    pub fn answer_level(&self) -> usize {
        answer_level(&self.prime_bits(), self.plaintext_modulus())
    }
}

fn noise_limit_bits(prime_bits: &[f64], t: u64, level: usize) -> f64 {
    prime_bits[..prime_bits.len() - level].iter().sum::<f64>() - (t as f64).log2() - 1.0
}

/// [`Channel::answer_level`] with ciphertext primes of so many bits and the plaintext modulus `t`.
pub fn answer_level(prime_bits: &[f64], t: u64) -> usize {
    let mut levels = (0..prime_bits.len()).rev();
    levels.find(|&level| noise_limit_bits(prime_bits, t, level) >= ANSWER_BITS).unwrap_or(0)
}

/// Bits of the largest noise that decrypted values are trusted with, below a limit of `limit` bits. Noise that has wrapped
/// around looks uniform below the limit, and so one of its N coefficients is within a hundredth of a bit of it but for
/// one case in 2^40 at the smallest N.
pub fn largest_noise_bits(limit: f64) -> usize {
    (limit - 0.01).max(0.0) as usize
}
