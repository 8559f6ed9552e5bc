//! Answers that say nothing of the weights but the logits.
//!
//! An answer's noise and its second polynomial are functions of the weights, and whoever has the secret key can look at
//! both. So the provider makes the answer anew: it adds an encryption of zero under the client's public key, which makes
//! the second polynomial as good as uniform (Gentry 2009, section 4: circuit privacy), and noise so wide that what was
//! there before is lost in it (*smudging*: Asharov, Jain, Lopez-Alt, Tromer, Vaikuntanathan, Wichs, EUROCRYPT 2012, lemma
//! 1). Uniform noise in `[-F, F)` with `v` added to it is within the statistical distance `|v| / 2F` of the same without it.
//!
//! With M coefficients in an answer, each carrying noise of at most V, the whole answer is within `M V / 2F` of one that
//! was made of the logits alone. [`Flood::for_noise`] chooses F so that this is below 2^-40.

use std::sync::Arc;

use fhe::bfv::{BfvParameters, Ciphertext, Encoding, Plaintext, PublicKey};
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};
use fhe_traits::FheEncrypter;
use rand::RngCore;

use crate::BfvError;

/// log2 of the statistical distance between an answer and one that was made of its logits alone.
pub const HIDING_LOG2: f64 = -40.0;

/// How wide the noise is that hides an answer's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flood {
    bits: u32,
}

impl Flood {
    /// Uniform noise in `[-2^bits, 2^bits)` that hides noise below `2^noise_bits` in each of `coefficients` coefficients.
    #[must_use]
    pub fn for_noise(noise_bits: f64, coefficients: f64) -> Self {
        // 2F = 2^(bits + 1).
        let bits = noise_bits + coefficients.log2() - HIDING_LOG2 - 1.0;
        // Noise is below 2^450: Q is.
        Self { bits: bits.ceil().max(0.0) as u32 }
    }

    /// log2 of the noise's largest absolute value.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Makes an answer anew, at its level.
    pub(crate) fn hide(
        self,
        answer: &mut Ciphertext,
        public: &PublicKey,
        parameters: &Arc<BfvParameters>,
    ) -> Result<(), BfvError> {
        let rng = &mut rand::rng();
        let zero = Plaintext::zero(Encoding::poly(), parameters)?;
        let level = parameters.level_of_context(answer[0].ctx())?;
        let mut zero = public.try_encrypt(&zero, rng)?;
        // Switched down, it has the noise of a rounding.
        zero.switch_to_level(level)?;
        *answer += &zero;
        let noise = self.noise(parameters, level, rng)?;
        answer[0] += &noise;
        Ok(())
    }

    /// A polynomial of independent, uniform coefficients in `[-2^bits, 2^bits)`, transformed.
    fn noise(
        self,
        parameters: &Arc<BfvParameters>,
        level: usize,
        rng: &mut impl RngCore,
    ) -> Result<Poly, BfvError> {
        let context = parameters.context_at_level(level)?;
        let (degree, primes) = (parameters.degree(), context.moduli());
        let mut residues = vec![0; degree * primes.len()];
        // Of `bits + 1` random bits, in words of 64 from the highest on.
        let words = (self.bits + 1).div_ceil(64) as usize;
        let mask = u64::MAX >> (64 * words as u32 - (self.bits + 1));
        let offsets: Vec<u64> = primes.iter().map(|&prime| power_of_two(self.bits, prime)).collect();
        let mut number = vec![0; words];
        for index in 0..degree {
            number.fill_with(|| rng.next_u64());
            number[0] &= mask;
            for ((place, &prime), &offset) in (index..).step_by(degree).zip(primes).zip(&offsets) {
                let reduce = |rest: u64, &word: &u64| {
                    ((u128::from(rest) << 64 | u128::from(word)) % u128::from(prime)) as u64
                };
                residues[place] = (number.iter().fold(0, reduce) + prime - offset) % prime;
            }
        }
        // The provider's secret: in constant time.
        let noise = Poly::try_convert_from(residues, context, false, Representation::PowerBasis);
        let mut noise = noise.map_err(fhe::Error::from)?;
        noise.change_representation(Representation::Ntt);
        Ok(noise)
    }
}

/// `2^exponent` modulo `prime`.
fn power_of_two(exponent: u32, prime: u64) -> u64 {
    (0..exponent).fold(1, |power, _| power * 2 % prime)
}

#[cfg(test)]
mod tests {
    use num_bigint::BigUint;

    use super::*;
    use crate::Parameters;

    #[test]
    fn noise_is_uniform_up_to_its_bits() {
        let parameters = Parameters::insecure(64, 1 << 10, &[50; 5]);
        let inner = parameters.channels()[0].inner();
        for bits in [0, 1, 62, 63, 64, 100, 127, 128, 200] {
            let mut noise = Flood { bits }.noise(inner, 0, &mut rand::rng()).unwrap();
            noise.change_representation(Representation::PowerBasis);
            let q = noise.ctx().modulus().clone();
            let limit = BigUint::from(1u32) << bits;
            let (mut negative, mut upper) = (0, 0);
            for value in Vec::<BigUint>::from(&noise) {
                let below = &q - &value;
                assert!(value < limit || below <= limit, "{bits} bits");
                negative += usize::from(below <= limit);
                upper += usize::from(value.bits() == u64::from(bits) || below.bits() >= u64::from(bits));
            }
            // Six standard deviations of 64 fair coins are 24.
            assert!((8..57).contains(&negative), "{negative} of 64 are negative");
            assert!(bits < 2 || (8..=64).contains(&upper), "{upper} of 64 are large");
        }
    }

    #[test]
    fn a_flood_is_as_wide_as_the_lemma_asks() {
        // M V / 2F <= 2^-40.
        let flood = Flood::for_noise(100.0, 81_920.0);
        assert_eq!(flood.bits(), 156);
        assert!(81_920f64.log2() + 100.0 - f64::from(flood.bits() + 1) <= HIDING_LOG2);
    }
}
