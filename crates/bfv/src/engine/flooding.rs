//! Re-randomised answers, which show nothing of the weights but the logits.
//!
//! An answer's noise and its second polynomial are functions of the weights, and the owner of the secret key can compute both. So
//! the provider re-randomises the answer. It adds an encryption of zero under the client's public key, which makes the second
//! polynomial as good as uniform (Gentry 2009, section 4: circuit privacy). It also adds noise so wide that it hides the
//! answer's own noise (*noise flooding* or *smudging*: Asharov, Jain, Lopez-Alt, Tromer, Vaikuntanathan, Wichs, EUROCRYPT 2012,
//! lemma 1). Uniform noise in `[-F, F)` with `v` added to it is within the statistical distance `|v| / 2F` of the same noise
//! without `v`.
//!
//! With M coefficients in an answer, each with noise of at most V, the whole answer is within `M V / 2F` of an answer that was
//! computed from the logits only. [`FloodingNoise::covering`] chooses F so that this is below 2^-40.

use fhe::bfv::{Ciphertext, Encoding, Plaintext, PublicKey};
use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Poly, Representation};
use fhe_traits::FheEncrypter;
use rand::RngCore;

use crate::error::BfvError;
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;

/// log2 of the statistical distance between an answer and one that was computed from its logits only.
pub const STATISTICAL_DISTANCE_LOG2: f64 = -40.0;

/// The width of the noise that hides an answer's own noise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodingNoise {
    bits: u32,
}

impl FloodingNoise {
    /// The narrowest uniform noise in `[-2^bits, 2^bits)` that hides noise below `2^noise_bits` in each of `coefficients` coefficients.
    #[must_use]
    pub fn covering(noise_bits: f64, coefficients: f64) -> Self {
        // 2F = 2^(bits + 1).
        let bits = noise_bits + coefficients.log2() - STATISTICAL_DISTANCE_LOG2 - 1.0;
        // Noise is below 2^450: Q is.
        Self { bits: bits.ceil().max(0.0) as u32 }
    }

    /// log2 of the noise's largest absolute value.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// Re-randomises an answer at its level.
    ///
    /// # Errors
    /// If the answer has no polynomials, or `fhe` refuses an operation.
    pub(crate) fn rerandomise(
        self,
        answer: &mut Ciphertext,
        public: &PublicKey,
        channel: &Channel,
        level: Level,
    ) -> Result<(), BfvError> {
        let (parameters, rng) = (channel.inner(), &mut rand::rng());
        let zero = Plaintext::zero(Encoding::poly(), parameters)?;
        let mut zero = public.try_encrypt(&zero, rng)?;
        // Switched down, it has the noise of a rounding.
        zero.switch_to_level(level.dropped_primes())?;
        *answer += &zero;
        let noise = self.noise(channel, level, rng)?;
        // An answer without the noise must not leave: it would show more of the weights than the logits.
        let first = answer.first_mut().ok_or(BfvError::Incomplete)?;
        *first += &noise;
        Ok(())
    }

    /// A polynomial of independent, uniform coefficients in `[-2^bits, 2^bits)`, transformed.
    #[expect(
        clippy::indexing_slicing,
        reason = "a number has at least one word, and every prime has `degree` residues"
    )]
    fn noise(self, channel: &Channel, level: Level, rng: &mut impl RngCore) -> Result<Poly, BfvError> {
        let context = channel.context(level)?;
        let (degree, primes) = (channel.degree(), context.moduli());
        let mut residues = vec![0; degree * primes.len()];
        // `bits + 1` random bits, in words of 64 bits, the highest first.
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
        // The noise is the provider's secret, so the operations take constant time.
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
    use crate::parameters::Parameters;

    #[test]
    fn noise_is_uniform_up_to_its_bits() {
        let parameters = Parameters::insecure(64, 1 << 10, &[50; 5]);
        let channel = &parameters.channels()[0];
        for bits in [0, 1, 62, 63, 64, 100, 127, 128, 200] {
            let mut noise = FloodingNoise { bits }.noise(channel, Level::KEY, &mut rand::rng()).unwrap();
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
        let flood = FloodingNoise::covering(100.0, 81_920.0);
        assert_eq!(flood.bits(), 156);
        assert!(81_920f64.log2() + 100.0 - f64::from(flood.bits() + 1) <= STATISTICAL_DISTANCE_LOG2);
    }
}
