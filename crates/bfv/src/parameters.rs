//! Ring degree and moduli for an ensemble.

use std::fmt;
use std::sync::Arc;

use fhe::bfv::{BfvParameters, BfvParametersBuilder};
use fhe_math::zq::primes::generate_prime;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_network::IntegerEnsemble;

use crate::noise::{Evaluation, NoiseEstimate, Norms};

/// The ring degree used throughout: 8192 slots, as in the paper.
pub const DEGREE: usize = 8192;

/// Largest bits of the ciphertext modulus at 128 bits of classical security, by ring degree (Bossuat et
/// al., *Security Guidelines for Implementing Homomorphic Encryption*, 2024: the stricter of the
/// published tables). `fhe`'s secret is wider than the ternary one of the tables, which only helps.
pub const SECURITY_LIMITS: [(usize, usize); 3] = [(4096, 106), (8192, 214), (16384, 430)];

/// Bits that the noise may be above the standard deviation that is estimated for it: log2 of 10 standard deviations,
/// which are exceeded with a probability below 2^-75 for a coefficient and 2^-48 for all in a run of a thousand
/// answers, so that decryption neither fails nor refuses an answer; and one bit for the estimate's own error.
const MARGIN_BITS: f64 = 4.33;

/// Noise must leave its limit with at most this probability in a whole run.
pub(crate) const MARGIN_PROBABILITY_LOG2: f64 = -40.0;

/// Coefficients of the noise in such a run: a million images in batches of 4096, ten logits each.
pub(crate) const RUN_COEFFICIENTS: f64 = 1e7;

/// Sizes of ciphertext primes that are tried: below, there are too few primes congruent to 1 modulo 2N; above,
/// the engine's arithmetic does not reach.
const PRIME_BITS: std::ops::RangeInclusive<usize> = 36..=53;

/// The plaintext modulus must stay below every ciphertext prime.
const MOST_PLAINTEXT_BITS: u32 = 52;

/// Bits between plaintext modulus and ciphertext modulus that an answer keeps when it is switched down: the
/// switch itself leaves about 9 bits of noise.
const ANSWER_BITS: f64 = 16.0;

/// The most ciphertext primes that are tried.
const MOST_PRIMES: usize = 8;

/// BFV parameters that are 128-bit secure and, by estimate, large enough for the ensemble they were
/// chosen for.
#[derive(Debug, Clone)]
pub struct Parameters {
    inner: Arc<BfvParameters>,
    encryption: Encryption,
}

/// What the client encrypts images with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Encryption {
    /// The public key, as in the paper: whoever has it can encrypt for the client.
    #[default]
    #[serde(rename = "public")]
    PublicKey,
    /// The secret key: less noise, and half the bytes, since one of a ciphertext's two polynomials is uniform and its
    /// seed stands for it.
    #[serde(rename = "secret")]
    SecretKey,
}

impl fmt::Display for Encryption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PublicKey => "public-key",
            Self::SecretKey => "secret-key",
        })
    }
}

/// An ensemble for which there are no parameters.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// The logits do not fit one plaintext modulus.
    #[error(
        "logits of up to {largest} need a plaintext modulus of {bits} bits, but one modulus has at most 52"
    )]
    Range {
        /// The largest absolute logit.
        largest: i128,
        /// Bits of the modulus that would be needed.
        bits: u32,
    },
    /// The noise does not fit the largest secure ciphertext modulus.
    #[error(
        "a plaintext modulus of {plaintext_bits} bits needs {} of ciphertext modulus, but 128-bit security at ring degree \
         {degree} allows {limit_bits}; use smaller weights or fewer pixel levels",
        needed_bits.map_or_else(|| "far more bits".to_owned(), |bits| format!("{bits} bits"))
    )]
    Noise {
        /// Bits of the plaintext modulus.
        plaintext_bits: u32,
        /// Bits of ciphertext modulus that the estimate asks for, if any that is tried is enough.
        needed_bits: Option<usize>,
        /// The ring degree.
        degree: usize,
        /// Bits that security allows.
        limit_bits: usize,
    },
    /// The parameters are not 128-bit secure.
    #[error(
        "a ciphertext modulus of {found_bits} bits at ring degree {degree} is not 128-bit secure: at most {limit_bits} \
         bits are"
    )]
    Insecure {
        /// The ring degree.
        degree: usize,
        /// Bits of the ciphertext modulus.
        found_bits: usize,
        /// Bits that security allows; 0 for a degree that no table lists.
        limit_bits: usize,
    },
    /// The `fhe` crate refused the parameters.
    #[error("the encryption library refused the parameters")]
    Fhe(#[from] fhe::Error),
}

impl Parameters {
    /// Chooses parameters at N = 8192 that serve every one of `ensembles`, whose members' logits and their sums stay
    /// within `-largest_logit..=largest_logit`: the smallest plaintext modulus, the fewest and then the smallest
    /// ciphertext primes.
    ///
    /// # Errors
    /// If the logits or the noise do not fit secure parameters.
    pub fn for_ensembles(
        ensembles: &[&IntegerEnsemble],
        largest_logit: i128,
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        let t = plaintext_modulus(largest_logit, DEGREE)?;
        let plaintext_bits = 64 - t.leading_zeros();
        let norms: Vec<Norms> = ensembles.par_iter().map(|ensemble| Norms::of(ensemble)).collect();
        let limit_bits = security_limit(DEGREE);
        let mut needed_bits: Option<usize> = None;
        for primes in 2..=MOST_PRIMES {
            // `fhe` decrypts by way of the first ciphertext prime, which must be larger than t.
            for bits in PRIME_BITS.filter(|&bits| bits > plaintext_bits as usize) {
                let noise = norms
                    .iter()
                    .flat_map(|norms| {
                        [Evaluation::Engine, Evaluation::Reference].map(|evaluation| {
                            NoiseEstimate::new(norms, evaluation, encryption, DEGREE, t, primes, bits).logits
                        })
                    })
                    .fold(0.0, f64::max);
                // Decryption is right while the noise stays below Q / 2t. Primes are a little below their power of two.
                let limit = (primes * bits) as f64 - (t as f64).log2() - 1.0 - 1e-6;
                if noise + MARGIN_BITS <= largest_noise_bits(limit) as f64 {
                    needed_bits = Some(needed_bits.map_or(primes * bits, |least| least.min(primes * bits)));
                    if primes * bits <= limit_bits {
                        return Self::new(DEGREE, t, &vec![bits; primes], encryption);
                    }
                }
            }
        }
        Err(ParametersError::Noise { plaintext_bits, needed_bits, degree: DEGREE, limit_bits })
    }

    /// Parameters with the given sizes of ciphertext primes.
    ///
    /// # Errors
    /// If they are not 128-bit secure.
    pub(crate) fn new(
        degree: usize,
        t: u64,
        prime_bits: &[usize],
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        let (found_bits, limit_bits) = (prime_bits.iter().sum(), security_limit(degree));
        if found_bits > limit_bits {
            return Err(ParametersError::Insecure { degree, found_bits, limit_bits });
        }
        Self::unchecked(degree, t, prime_bits, encryption)
    }

    fn unchecked(
        degree: usize,
        t: u64,
        prime_bits: &[usize],
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        let inner = BfvParametersBuilder::new()
            .set_degree(degree)
            .set_plaintext_modulus(t)
            .set_moduli_sizes(prime_bits)
            .build_arc()?;
        Ok(Self { inner, encryption })
    }

    /// A small and insecure ring, for fast tests of this crate alone.
    #[cfg(test)]
    pub(crate) fn insecure(degree: usize, largest_logit: i128, prime_bits: &[usize]) -> Self {
        let t = plaintext_modulus(largest_logit, degree).unwrap();
        Self::unchecked(degree, t, prime_bits, Encryption::default()).unwrap()
    }

    pub(crate) fn inner(&self) -> &Arc<BfvParameters> {
        &self.inner
    }

    /// What images are encrypted with.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The ring degree N, also the number of slots.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.inner.degree()
    }

    /// The plaintext modulus t.
    #[must_use]
    pub fn plaintext_modulus(&self) -> u64 {
        self.inner.plaintext()
    }

    /// The ciphertext primes, whose product is Q.
    #[must_use]
    pub fn ciphertext_primes(&self) -> &[u64] {
        self.inner.moduli()
    }

    /// Bits of the ciphertext modulus Q.
    #[must_use]
    pub fn ciphertext_modulus_bits(&self) -> f64 {
        self.inner.moduli().iter().map(|&prime| (prime as f64).log2()).sum()
    }

    /// The largest bits of Q that are 128-bit secure at this degree.
    #[must_use]
    pub fn security_limit_bits(&self) -> usize {
        security_limit(self.degree())
    }

    /// Bits of noise at which decryption fails with the ciphertext primes that are left at `level` (the last
    /// ones go first): log2(Q / 2t).
    pub(crate) fn noise_limit_bits(&self, level: usize) -> f64 {
        let primes = self.ciphertext_primes();
        let bits: f64 = primes[..primes.len() - level].iter().map(|&prime| (prime as f64).log2()).sum();
        bits - (self.plaintext_modulus() as f64).log2() - 1.0
    }

    /// Bits of the largest noise that decrypted values are trusted with. Noise that has wrapped around looks uniform below
    /// the limit, and so one of its N coefficients is within a hundredth of a bit of it but for one case in 2^80.
    pub(crate) fn largest_noise_bits(&self, level: usize) -> usize {
        largest_noise_bits(self.noise_limit_bits(level))
    }

    /// The lowest level to which an answer may be switched: fewer primes make it smaller.
    pub(crate) fn answer_level(&self) -> usize {
        (0..self.ciphertext_primes().len())
            .rev()
            .find(|&level| self.noise_limit_bits(level) >= ANSWER_BITS)
            .unwrap_or(0)
    }

    /// The largest absolute value that decrypts to itself, (t - 1) / 2.
    #[must_use]
    pub fn largest_value(&self) -> i64 {
        // t has at most 52 bits.
        ((self.plaintext_modulus() - 1) / 2) as i64
    }

    /// The representative of a residue modulo t in `-(t - 1) / 2..=(t - 1) / 2`. (`fhe` decodes (t - 1) / 2
    /// itself as negative.)
    pub(crate) fn centred(&self, residue: u64) -> i64 {
        let t = self.plaintext_modulus();
        // Both are below 2^52.
        if residue > (t - 1) / 2 { residue as i64 - t as i64 } else { residue as i64 }
    }
}

fn largest_noise_bits(limit: f64) -> usize {
    (limit - 0.01).max(0.0) as usize
}

fn security_limit(degree: usize) -> usize {
    SECURITY_LIMITS.iter().find(|(n, _)| *n == degree).map_or(0, |(_, bits)| *bits)
}

/// The smallest prime t congruent to 1 modulo 2N (so that there are N slots) with
/// `largest_logit <= (t - 1) / 2`.
fn plaintext_modulus(largest_logit: i128, degree: usize) -> Result<u64, ParametersError> {
    let step = 2 * degree as u64;
    let too_large = |bits| ParametersError::Range { largest: largest_logit, bits };
    let least = largest_logit.unsigned_abs().saturating_mul(2).saturating_add(1);
    let bits = 128 - least.leading_zeros();
    let mut candidate = match u64::try_from(least) {
        Ok(least) if bits <= MOST_PLAINTEXT_BITS => (least - 1).next_multiple_of(step) + 1,
        _ => return Err(too_large(bits)),
    };
    loop {
        let bits = 64 - candidate.leading_zeros();
        if bits > MOST_PLAINTEXT_BITS {
            return Err(too_large(bits));
        }
        // The largest prime below candidate + 1 is the candidate itself exactly when it is prime.
        if bits >= 10 && generate_prime(bits as usize, step, candidate + 1) == Some(candidate) {
            return Ok(candidate);
        }
        candidate += step;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plaintext_modulus_is_the_least_prime_that_holds_the_logits_and_has_slots() {
        // 65537 is the first prime congruent to 1 modulo 16384.
        assert_eq!(plaintext_modulus(1, DEGREE).unwrap(), 65_537);
        assert_eq!(plaintext_modulus(32_768, DEGREE).unwrap(), 65_537);
        assert_eq!(plaintext_modulus(32_769, DEGREE).unwrap(), 114_689);
        let t = plaintext_modulus(1 << 30, DEGREE).unwrap();
        assert!(t > 1 << 31 && t % 16_384 == 1);
    }

    #[test]
    fn logits_beyond_one_modulus_are_refused() {
        for largest in [1 << 60, i128::MAX] {
            assert!(matches!(plaintext_modulus(largest, DEGREE), Err(ParametersError::Range { .. })));
        }
    }

    #[test]
    fn parameters_beyond_the_security_limit_are_refused() {
        let new = |degree, primes: &[usize]| Parameters::new(degree, 65_537, primes, Encryption::PublicKey);
        let error = new(8192, &[54, 54, 54, 54]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a ciphertext modulus of 216 bits at ring degree 8192 is not 128-bit secure: at most 214 bits are"
        );
        assert!(matches!(new(1024, &[27]), Err(ParametersError::Insecure { .. })));
    }
}
