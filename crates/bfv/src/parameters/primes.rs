//! Sizes of ciphertext primes.

use super::{Encryption, bits_of};

/// Sizes of ciphertext primes: below, there are too few primes congruent to 1 modulo 2N; above, two residues have no
/// product of vectors of 52-bit integers (docs/engine.md).
pub(crate) const PRIME_BITS: std::ops::RangeInclusive<usize> = 24..=50;

/// How many primes an upload may have.
pub(crate) const PRIMES: std::ops::RangeInclusive<usize> = 2..=8;

/// Ciphertext primes by their sizes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PrimeSizes {
    /// Bits of the primes of an upload. The last ones are dropped first.
    pub upload: Vec<usize>,
    /// How many of them the engine's hidden units keep: at least one, and fewer than an upload has.
    pub hidden: usize,
}

impl PrimeSizes {
    /// Primes of an upload of which hidden units keep all but the last.
    #[must_use]
    pub fn new(upload: &[usize]) -> Self {
        Self { upload: upload.to_vec(), hidden: upload.len().saturating_sub(1) }
    }

    /// Bits of all primes: of an upload, and of the encryption prime. Public-key encryption leaves much more noise than a
    /// rounding does; so the client encrypts with one more prime and switches it away before anything is sent.
    pub(crate) fn all(&self, largest_modulus: u64, encryption: Encryption) -> Vec<usize> {
        let mut sizes = self.upload.clone();
        if encryption == Encryption::PublicKey {
            // `fhe` takes no prime below the plaintext modulus.
            sizes.push((*PRIME_BITS.start()).max(bits_of(largest_modulus) as usize + 1));
        }
        sizes
    }
}
