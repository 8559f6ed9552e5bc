//! The primes of packed evaluation at every step, and the rotations that it needs.

use std::cmp::Reverse;

use super::error::ParametersError;
use super::limits::PRIME_BITS;

/// How many primes a packed ciphertext keeps at every step, and the rotations for which a client makes keys.
///
/// The keys of a packed evaluation have one prime more than an upload: the *special prime* P. Key switching multiplies digits
/// with a key modulo the ciphertext primes and P, and divides by P (Gentry, Halevi and Smart 2012, "Homomorphic evaluation of the AES
/// circuit", section 3.1), so that the noise of the key's errors is divided too. P counts for security.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PackedChain {
    /// Bits of the special prime.
    pub special_bits: usize,
    /// The primes that are left after every switch of the modulus.
    pub kept: PackedLevels,
    /// The rotations, in the order of their steps, each once.
    pub rotations: Vec<Rotation>,
}

/// The numbers of ciphertext primes that are left after the switches of a packed evaluation. No number is larger than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PackedLevels {
    /// Primes of the convolution's sums, which are squared with them.
    pub convolution: usize,
    /// Primes of the first squares, from which the hidden units are computed.
    pub square: usize,
    /// Primes of the hidden units, which are squared and summed to logits with them.
    pub hidden: usize,
    /// Primes of an answer.
    pub answer: usize,
}

/// A rotation of the slots, with the size of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rotation {
    /// Columns by which both rows of slots are rotated to the left, from 1 to N / 2 - 1. 0 swaps the rows.
    pub steps: usize,
    /// The ciphertext primes of the key, which serves ciphertexts of as many primes or fewer.
    pub primes: usize,
}

impl Rotation {
    /// The rotations of several evaluations: in order, each once, with a key that serves all of its uses.
    #[must_use]
    pub fn merged(mut rotations: Vec<Self>) -> Vec<Self> {
        // The key with the most primes comes first and is kept.
        rotations.sort_unstable_by_key(|rotation| (rotation.steps, Reverse(rotation.primes)));
        rotations.dedup_by_key(|rotation| rotation.steps);
        rotations
    }

    /// The exponent g of the automorphism `X -> X^g` that rotates the slots: `3^steps`, or -1 for the swap, modulo 2N.
    #[must_use]
    pub fn exponent(&self, degree: usize) -> usize {
        let order = 2 * degree;
        match self.steps {
            0 => order - 1,
            steps => (0..steps).fold(1, |power, _| 3 * power % order),
        }
    }
}

impl PackedChain {
    /// The first of the rotations that no key of the chain serves.
    #[must_use]
    pub fn missing(&self, needed: &[Rotation]) -> Option<Rotation> {
        let serves =
            |key: &Rotation, needed: &Rotation| key.steps == needed.steps && key.primes >= needed.primes;
        needed.iter().copied().find(|needed| !self.rotations.iter().any(|key| serves(key, needed)))
    }

    /// Checks the chain for uploads of `upload` primes at a ring degree.
    pub(super) fn check(
        &self,
        degree: usize,
        upload: usize,
        plaintext_bits: usize,
    ) -> Result<(), ParametersError> {
        let refused = |reason: String| Err(ParametersError::PackedChain { reason });
        if !PRIME_BITS.contains(&self.special_bits) || self.special_bits <= plaintext_bits {
            return refused(format!(
                "the special prime has {} bits, but must have {} to {} and more than the plaintext moduli's {plaintext_bits}",
                self.special_bits,
                PRIME_BITS.start(),
                PRIME_BITS.end(),
            ));
        }
        let PackedLevels { convolution, square, hidden, answer } = self.kept;
        let counts = [upload, convolution, square, hidden, answer];
        if answer == 0 || counts.windows(2).any(|pair| matches!(pair, [before, after] if before < after)) {
            return refused(format!(
                "the numbers of primes are {counts:?} from upload to answer, but none may exceed the one before, and an answer has at least one"
            ));
        }
        let unsorted = self.rotations.windows(2).any(|pair| matches!(pair, [a, b] if a.steps >= b.steps));
        let wrong =
            |rotation: &Rotation| rotation.steps >= degree / 2 || !(1..=upload).contains(&rotation.primes);
        if unsorted || self.rotations.iter().any(wrong) {
            return refused(format!(
                "rotations must be in order, by fewer than {} columns, and have keys of 1 to {upload} primes",
                degree / 2
            ));
        }
        Ok(())
    }
}
