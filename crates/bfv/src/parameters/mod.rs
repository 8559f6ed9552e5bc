//! Ring degree, plaintext moduli and ciphertext modulus, and the rules that they keep to.

mod channel;
mod crt;
mod error;
mod primes;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use channel::Channel;
pub(crate) use channel::{ANSWER_BITS, largest_noise_bits};
pub(crate) use crt::{Crt, MOST_MODULI, inverse, plaintext_moduli, product};
use crt::{MOST_PLAINTEXT_BITS, MOST_RANGE_BITS, is_prime};
pub use error::ParametersError;
pub use primes::PrimeSizes;
pub(crate) use primes::{PRIME_BITS, PRIMES};

/// The paper's ring degree: 8192 slots.
pub const PAPER_DEGREE: usize = 8192;

/// Largest bits of the ciphertext modulus at 128 bits of classical security, by ring degree.
///
/// `fhe`'s secret is wider than the ternary one of the tables, which only helps.
pub const SECURITY_LIMITS: [(usize, usize); 3] = [(4096, 106), (8192, 214), (16384, 430)];

const LARGEST_DEGREE: usize = SECURITY_LIMITS[SECURITY_LIMITS.len() - 1].0;

/// Where [`SECURITY_LIMITS`] come from.
pub const SECURITY_SOURCE: &str = "Bossuat et al. 2024, Security Guidelines for Implementing Homomorphic Encryption: the \
     stricter of the published tables";

/// BFV parameters that are 128-bit secure: one [`Channel`] for each plaintext modulus, all over the same ciphertext
/// primes.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// At least one.
    channels: Vec<Channel>,
    encryption: Encryption,
    crt: Crt,
}

/// What the client encrypts images with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
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

impl Parameters {
    /// Parameters with given plaintext moduli and sizes of ciphertext primes.
    ///
    /// # Errors
    /// If they are not 128-bit secure, or cannot work, or a transform is wrong on this processor. Whether they are large enough for a network is the planner's
    /// question ([`Request`](crate::planner::Request)).
    pub fn new(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        Self::check(degree, plaintext_moduli, primes, encryption)?;
        Self::unchecked(degree, plaintext_moduli, primes, encryption)
    }

    /// Whether there are such parameters, without making them, which takes some 10 ms.
    pub(crate) fn check(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        encryption: Encryption,
    ) -> Result<(), ParametersError> {
        let limit_bits = security_limit(degree)?;
        let (count, bits) = (plaintext_moduli.len(), log2_of_product(plaintext_moduli));
        if !(1..=MOST_MODULI).contains(&count) || bits >= f64::from(MOST_RANGE_BITS) {
            return Err(ParametersError::PlaintextModuli { count, bits });
        }
        let step = 2 * degree as u64;
        for (index, &t) in plaintext_moduli.iter().enumerate() {
            let sound = bits_of(t) <= MOST_PLAINTEXT_BITS && t % step == 1 && is_prime(t, step);
            if !sound || plaintext_moduli[..index].contains(&t) {
                return Err(ParametersError::PlaintextModulus { found: t, degree });
            }
        }
        let plaintext_bits = plaintext_moduli.iter().map(|&t| bits_of(t)).max().unwrap_or(0);
        // `fhe` decrypts by way of the first ciphertext prime, which must be larger than t.
        let sound = |&bits: &usize| PRIME_BITS.contains(&bits) && bits > plaintext_bits as usize;
        let PrimeSizes { upload, hidden } = primes;
        if !PRIMES.contains(&upload.len()) || !upload.iter().all(sound) {
            return Err(ParametersError::CiphertextPrimes { found: upload.clone(), plaintext_bits });
        }
        if !(1..upload.len()).contains(hidden) {
            return Err(ParametersError::HiddenPrimes { found: *hidden, upload: upload.len() });
        }
        // The keys' modulus decides, and not an upload's.
        let largest = plaintext_moduli.iter().copied().max().unwrap_or(0);
        let found_bits = primes.all(largest, encryption).iter().sum();
        let encryption_bits = found_bits - upload.iter().sum::<usize>();
        if found_bits > limit_bits {
            return Err(ParametersError::Insecure { encryption_bits, degree, found_bits, limit_bits });
        }
        Ok(())
    }

    fn unchecked(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        // Channels have the same ciphertext primes: the largest modulus decides the encryption prime of all.
        let largest = plaintext_moduli.iter().copied().max().unwrap_or(0);
        let sizes = primes.all(largest, encryption);
        let mut channels: Vec<Channel> = Vec::with_capacity(plaintext_moduli.len());
        for &t in plaintext_moduli {
            channels.push(Channel::new(degree, t, primes, &sizes, channels.first())?);
        }
        Ok(Self { channels, encryption, crt: Crt::new(plaintext_moduli) })
    }

    /// A small and insecure ring, for fast tests of this crate alone: one channel.
    #[cfg(test)]
    pub(crate) fn insecure(degree: usize, largest_logit: i128, prime_bits: &[usize]) -> Self {
        Self::insecure_channels(degree, largest_logit, 1, prime_bits)
    }

    /// The same with several channels.
    #[cfg(test)]
    pub(crate) fn insecure_channels(
        degree: usize,
        largest_logit: i128,
        channels: usize,
        prime_bits: &[usize],
    ) -> Self {
        let moduli = plaintext_moduli(largest_logit, channels, degree).unwrap();
        Self::unchecked(degree, &moduli, &PrimeSizes::new(prime_bits), Encryption::default()).unwrap()
    }

    /// The same with another key for images.
    #[cfg(test)]
    pub(crate) fn encrypted_with(self, encryption: Encryption) -> Self {
        let primes = self.channels[0].prime_sizes();
        Self::unchecked(self.degree(), &self.plaintext_moduli(), &primes, encryption).unwrap()
    }

    /// One channel for each plaintext modulus.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// What images are encrypted with.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The ring degree N, also the number of slots.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.channels[0].degree()
    }

    /// The plaintext moduli, whose product is t.
    #[must_use]
    pub fn plaintext_moduli(&self) -> Vec<u64> {
        self.channels.iter().map(Channel::plaintext_modulus).collect()
    }

    /// log2 of t.
    #[must_use]
    pub fn plaintext_bits(&self) -> f64 {
        self.crt.bits()
    }

    /// The channel that has the least room for noise, and the most noise: that of the largest plaintext modulus.
    #[must_use]
    pub fn narrowest(&self) -> usize {
        let largest = |&index: &usize| self.channels[index].plaintext_modulus();
        (0..self.channels.len()).max_by_key(largest).unwrap_or(0)
    }

    /// The ciphertext primes of an upload, whose product is Q; every channel's.
    #[must_use]
    pub fn ciphertext_primes(&self) -> &[u64] {
        self.channels[0].ciphertext_primes()
    }

    /// How many of them hidden units keep.
    #[must_use]
    pub fn hidden_primes(&self) -> usize {
        self.channels[0].hidden_primes().len()
    }

    /// log2 of the ciphertext modulus Q of an upload.
    #[must_use]
    pub fn ciphertext_modulus_bits(&self) -> f64 {
        log2_of_product(self.ciphertext_primes())
    }

    /// log2 of the largest modulus under which anything is encrypted, which security depends on: Q, and with the public key
    /// the encryption prime.
    #[must_use]
    pub fn key_modulus_bits(&self) -> f64 {
        self.channels.iter().map(|channel| log2_of_product(channel.key_primes())).fold(0.0, f64::max)
    }

    /// The largest bits of [`key_modulus_bits`](Self::key_modulus_bits) that are 128-bit secure at this degree.
    #[must_use]
    pub fn security_limit_bits(&self) -> usize {
        security_limit(self.degree()).unwrap_or(0)
    }

    /// The largest absolute value that decrypts to itself, (t - 1) / 2.
    #[must_use]
    pub fn largest_value(&self) -> i128 {
        self.crt.largest()
    }

    /// The integer that has the given residues, one for each channel.
    pub(crate) fn integer(&self, residues: impl Iterator<Item = u64>) -> i128 {
        self.crt.integer(residues)
    }
}

pub(crate) fn bits_of(number: u64) -> u32 {
    64 - number.leading_zeros()
}

fn log2_of_product(numbers: &[u64]) -> f64 {
    numbers.iter().map(|&number| (number as f64).log2()).sum()
}

/// The largest bits of a ciphertext modulus that are secure at a ring degree.
///
/// # Errors
/// If no table lists the degree.
pub fn security_limit(degree: usize) -> Result<usize, ParametersError> {
    let limit = SECURITY_LIMITS.iter().find(|(n, _)| *n == degree);
    limit.map(|(_, bits)| *bits).ok_or(ParametersError::Degree { found: degree })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(degree: usize, moduli: &[u64], primes: &[usize]) -> String {
        Parameters::new(degree, moduli, &PrimeSizes::new(primes), Encryption::SecretKey)
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn parameters_beyond_the_security_limit_are_refused() {
        let error = refused(8192, &[65_537], &[50, 50, 50, 50, 50]);
        assert!(error.starts_with(
            "a ciphertext modulus of 250 bits at ring degree 8192 is not 128-bit secure: at most 214 bits are"
        ));
        assert!(refused(4096, &[65_537], &[50, 50, 24]).contains("not 128-bit secure"));
        assert_eq!(
            refused(1024, &[65_537], &[27, 27]),
            "the ring degree is 1024, but must be 4096, 8192 or 16384"
        );
    }

    #[test]
    fn parameters_that_cannot_work_are_refused() {
        let good = 65_537;
        // 3 * 2^14 + 1 is no prime, and 2^17 + 1 no less; 7 has no slots; twice the same has no more range than once.
        for moduli in [&[49_153][..], &[131_073], &[7], &[0], &[good, good]] {
            assert!(refused(8192, moduli, &[50, 50]).contains("is no plaintext modulus"), "{moduli:?}");
        }
        assert!(refused(8192, &[], &[50, 50]).contains("0 plaintext moduli"));
        for primes in [&[50][..], &[50, 23], &[51, 51], &[50, 16], &[]] {
            assert!(refused(8192, &[good], primes).contains("ciphertext primes of"), "{primes:?}");
        }
        let wide = plaintext_moduli(1 << 47, 1, 8192).unwrap();
        assert!(refused(8192, &wide, &[49, 50]).contains("more than the 49 bits"));
    }
}
