//! The noise of a ciphertext with a known message.

use fhe::bfv::{Ciphertext, SecretKey};
use num_bigint::BigUint;
use zeroize::Zeroizing;

use super::secret_key_encryption::transformed_secret;
use crate::error::EncryptionError;
use crate::kernel::Kernel;
use crate::modular::inverse;
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::residues::residues;
use crate::shoup::dispatch;
use crate::shoup::factor::{Factor, Factors, MessageTerm};
use crate::slots::{SlotEncoder, message_factor};

/// The most primes of a ciphertext: eight primes of an upload, and the encryption prime.
const MAX_PRIMES: usize = 9;

/// Measures noise at one level: the largest coefficient of `c0 + c1 s - m`, where m is the term of the message in a ciphertext. The
/// results equal those of `fhe`'s `SecretKey::measure_noise`, which decrypts the ciphertext once more.
///
/// The transformed secret is kept, and zeroed when dropped.
pub struct NoiseMeter {
    kernel: Kernel,
    channel: Channel,
    level: Level,
    primes: Vec<LevelPrime>,
    /// The constants that join residues, if there are several primes.
    radix: Option<MixedRadix>,
}

/// Constants of one prime.
struct LevelPrime {
    inverse_degree: Factor,
    /// -1 / t.
    message_factor: Factor,
    secret: Factors,
}

impl NoiseMeter {
    /// A meter for the channel's key and ciphertexts at `level`.
    ///
    /// # Errors
    /// If the key is of another degree.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn new(channel: &Channel, key: &SecretKey, level: Level) -> Result<Self, EncryptionError> {
        let (kernel, t) = (Kernel::detect(), channel.plaintext_modulus());
        let (primes, transforms) = (channel.primes_at(level), channel.transforms(level));
        let secret = transformed_secret(key, kernel, transforms)?;
        let radix = (primes.len() > 1).then(|| MixedRadix::new(primes));
        let primes = transforms.iter().zip(secret).map(|(transform, secret)| {
            let prime = transform.prime();
            let inverse_degree = Factor::new(transform.inverse_degree(), prime);
            LevelPrime { inverse_degree, message_factor: message_factor(t, prime), secret }
        });
        Ok(Self { kernel, channel: channel.clone(), level, primes: primes.collect(), radix })
    }

    /// Bits of the largest absolute coefficient of the noise. `message` holds the N coefficients of the ciphertext's message,
    /// below t. With several primes the time depends on the noise.
    ///
    /// # Errors
    /// If the ciphertext has more than two polynomials or is at another level.
    #[expect(
        clippy::indexing_slicing,
        reason = "ciphertexts of `fhe` have at least two polynomials and one prime"
    )]
    pub fn noise_bits(
        &self,
        ciphertext: &Ciphertext,
        message: &[u64],
        encoder: &SlotEncoder,
    ) -> Result<usize, EncryptionError> {
        let (parts, primes) = (ciphertext.len(), ciphertext[0].ctx().moduli());
        if parts != 2 || primes != self.channel.primes_at(self.level) {
            return Err(EncryptionError::Ciphertext {
                parts,
                primes: primes.len(),
                needed: self.primes.len(),
            });
        }
        let mut coefficients = Zeroizing::new(message.to_vec());
        encoder.multiply_by_modulus(self.kernel, primes, &mut coefficients);
        let degree = coefficients.len();
        let mut noise = Zeroizing::new(residues(&ciphertext[0]).into_owned());
        let second = residues(&ciphertext[1]);
        let ring = self.channel.transforms(self.level).iter().zip(&self.primes);
        for ((noise, second), (transform, prime)) in
            noise.chunks_exact_mut(degree).zip(second.chunks_exact(degree)).zip(ring)
        {
            let LevelPrime { inverse_degree, message_factor, secret } = prime;
            let (message, prime) =
                (MessageTerm { coefficients: &coefficients, factor: *message_factor }, transform.prime());
            dispatch::add_products(self.kernel, noise, second, secret, prime);
            transform.inverse(noise);
            dispatch::subtract_message(self.kernel, noise, *inverse_degree, message, prime);
        }
        Ok(match &self.radix {
            Some(radix) => radix.largest_bits(&noise, degree),
            None => {
                let largest = dispatch::largest_centred(self.kernel, &noise, primes[0]);
                // At most 64.
                (u64::BITS - largest.leading_zeros()) as usize
            }
        })
    }
}

/// Joins residues modulo several primes in mixed radix (Garner 1959): a number x below the product Q is
/// `d0 + d1 q0 + d2 q0 q1 + ...` with a digit `di < qi` for each prime. Numbers compare as their digits do, the last one first.
struct MixedRadix {
    /// By prime: the prime, and for each prime before it (its offset, its inverse). The offset is the least multiple of the
    /// prime that is not below the prime before it.
    primes: Vec<(u64, Vec<(u64, Factor)>)>,
    /// The digits of `(Q - 1) / 2`, the largest number that is not negative.
    largest: Digits,
}

/// The digits of a number, the last one first. With fewer primes the rest is zero.
type Digits = [u64; MAX_PRIMES];

impl MixedRadix {
    /// The constants of at most [`MAX_PRIMES`] different odd primes.
    fn new(primes: &[u64]) -> Self {
        let steps = |(index, &prime): (usize, &u64)| {
            let step = |&before: &u64| {
                (before.next_multiple_of(prime), Factor::new(inverse(before % prime, prime), prime))
            };
            (prime, primes.iter().take(index).map(step).collect())
        };
        let mut largest = [0; MAX_PRIMES];
        // The sum of (q - 1) / 2 times the product of the primes before.
        largest.iter_mut().zip(primes.iter().rev()).for_each(|(digit, prime)| *digit = (prime - 1) / 2);
        Self { primes: primes.iter().enumerate().map(steps).collect(), largest }
    }

    /// The digits of a number whose residue modulo the prime of every number is given.
    #[expect(clippy::indexing_slicing, reason = "there are at most MAX_PRIMES primes")]
    fn digits(&self, mut residue: impl FnMut(usize) -> u64) -> Digits {
        let (mut digits, count) = ([0; MAX_PRIMES], self.primes.len());
        for (index, (prime, steps)) in self.primes.iter().enumerate() {
            let mut digit = residue(index);
            for (before, (offset, inverse)) in steps.iter().enumerate() {
                let difference = digit + offset - digits[count - 1 - before];
                digit = inverse.multiply(difference, *prime);
            }
            digits[count - 1 - index] = digit;
        }
        digits
    }

    /// Bits of the largest absolute value of numbers between `-Q / 2` and `Q / 2`, whose residues are given prime after prime.
    #[expect(clippy::indexing_slicing, reason = "there are `count` residues for each prime")]
    fn largest_bits(&self, residues: &[u64], count: usize) -> usize {
        let (mut positive, mut negative) = ([0; MAX_PRIMES], None);
        for at in 0..count {
            let digits = self.digits(|prime| residues[prime * count + at]);
            if digits <= self.largest {
                positive = positive.max(digits);
            } else {
                // Q - 1 has the digits q - 1.
                let mut complement = [0; MAX_PRIMES];
                for ((complement, digit), (prime, _)) in
                    complement.iter_mut().zip(digits).zip(self.primes.iter().rev())
                {
                    *complement = prime - 1 - digit;
                }
                negative = negative.max(Some(complement));
            }
        }
        let negative = negative.map(|complement| self.number(&complement) + 1u32).unwrap_or_default();
        // At most 50 for each prime.
        self.number(&positive).max(negative).bits() as usize
    }

    fn number(&self, digits: &Digits) -> BigUint {
        let digits = digits.iter().zip(self.primes.iter().rev());
        digits.fold(BigUint::ZERO, |number, (digit, (prime, _))| number * *prime + *digit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Primes of 50, 24, 31, 49 and 17 bits, in no order.
    const PRIMES: [u64; 5] = [1_125_899_906_826_241, 16_760_833, 2_147_473_409, 562_949_953_392_641, 114_689];

    proptest! {
        #[test]
        fn the_largest_number_is_found_among_residues(
            primes in 1usize..=5, numbers in prop::collection::vec((any::<[u64; 4]>(), 0u32..250), 1..20),
        ) {
            let primes = &PRIMES[..primes];
            let modulus: BigUint = primes.iter().product();
            let half = &modulus / 2u32;
            let mut numbers: Vec<BigUint> = numbers
                .into_iter()
                .map(|(words, shift)| {
                    let wide = words.iter().fold(BigUint::ZERO, |number, word| (number << 64) + word);
                    (wide >> shift) % &modulus
                })
                .collect();
            let check = |numbers: &[BigUint]| {
                let expected = numbers.iter().map(|number| number.min(&(&modulus - number)).bits()).max();
                let residue = |prime: &u64, number: &BigUint| (number % *prime).try_into().unwrap();
                let residues: Vec<u64> = primes
                    .iter()
                    .flat_map(|prime| numbers.iter().map(move |number| residue(prime, number)))
                    .collect();
                let bits = MixedRadix::new(primes).largest_bits(&residues, numbers.len());
                assert_eq!(bits as u64, expected.unwrap());
            };
            check(&numbers);
            check(&[BigUint::ZERO]);
            for extreme in [half.clone(), half + 1u32, &modulus - 1u32] {
                numbers.push(extreme);
                check(&numbers[numbers.len() - 1..]);
                check(&numbers);
            }
        }
    }
}
