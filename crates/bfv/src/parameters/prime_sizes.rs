//! Sizes of ciphertext primes, and how many of them are left at the levels.

use super::encryption::Encryption;
use super::limits::PRIME_BITS;
use crate::modular::bits_of;

/// Ciphertext primes by their sizes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PrimeSizes {
    /// Bits of the primes of an upload. The last primes are dropped first.
    pub upload: Vec<usize>,
    /// The number of primes that the engine's hidden units keep: at least one, and fewer than an upload has.
    pub hidden: usize,
}

impl PrimeSizes {
    /// Primes of an upload of which hidden units keep all but the last.
    #[must_use]
    pub fn new(upload: &[usize]) -> Self {
        Self { upload: upload.to_vec(), hidden: upload.len().saturating_sub(1) }
    }

    /// Bits of the primes that hidden units keep.
    pub(crate) fn hidden_bits(&self) -> &[usize] {
        self.upload.get(..self.hidden).unwrap_or(&self.upload)
    }

    /// Bits of the prime that only public-key encryption uses, if the key is the public one. Public-key encryption leaves much
    /// more noise than a rounding does. So the client encrypts with one more prime and switches the modulus down before
    /// anything is sent.
    pub(crate) fn encryption_prime(max_modulus: u64, encryption: Encryption) -> Option<usize> {
        // `fhe` takes no prime below the plaintext modulus.
        let bits = (*PRIME_BITS.start()).max(bits_of(max_modulus) as usize + 1);
        (encryption == Encryption::PublicKey).then_some(bits)
    }

    /// Bits of all primes of the keys: those of an upload, and the encryption prime.
    pub(crate) fn all(&self, max_modulus: u64, encryption: Encryption) -> Vec<usize> {
        let mut sizes = self.upload.clone();
        sizes.extend(Self::encryption_prime(max_modulus, encryption));
        sizes
    }
}
