//! A set of parameters: one channel for each plaintext modulus.

use super::channel::Channel;
use super::crt::Crt;
use super::encryption::Encryption;
use super::error::ParametersError;
use super::limits::{
    MAX_PLAINTEXT_BITS, MAX_PLAINTEXT_MODULI, MAX_RANGE_BITS, PRIME_BITS, SECURITY_LIMITS, UPLOAD_PRIMES,
};
use super::packed_chain::PackedChain;
use super::prime_sizes::PrimeSizes;
use crate::compact::layout::LimbLayout;
use crate::modular::{bits_of, is_prime, log2_of_product};

/// BFV parameters that are 128-bit secure: one [`Channel`] for each plaintext modulus, all over the same ciphertext
/// primes.
///
/// ```
/// use sottovoce_bfv::parameters::{Encryption, Parameters, PrimeSizes};
///
/// let primes = PrimeSizes::new(&[36, 36]);
/// let parameters = Parameters::new(4096, &[65_537], &primes, Encryption::SecretKey)?;
/// assert_eq!(parameters.ciphertext_primes().len(), 2);
/// assert!(parameters.key_modulus_bits() <= parameters.security_limit_bits() as f64);
/// # Ok::<(), sottovoce_bfv::ParametersError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Parameters {
    /// There is at least one channel.
    channels: Vec<Channel>,
    encryption: Encryption,
    packed: Option<PackedChain>,
    crt: Crt,
}

impl Parameters {
    /// Parameters with the given plaintext moduli and sizes of ciphertext primes. The planner checks that parameters are large enough
    /// for a network ([`choose_parameters`](crate::planner::choose_parameters)).
    ///
    /// # Errors
    /// If the parameters are not 128-bit secure or not valid, or a transform is wrong on this processor.
    pub fn new(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        Self::check(degree, plaintext_moduli, primes, encryption)?;
        Self::unchecked(degree, plaintext_moduli, primes, encryption)
    }

    /// Parameters for packed evaluation: one image in a ciphertext of every channel, its positions in the slots. `upload` has the sizes
    /// of an upload's primes in bits.
    ///
    /// # Errors
    /// If the parameters are not 128-bit secure with the special prime, or not valid.
    pub fn new_packed(
        degree: usize,
        plaintext_moduli: &[u64],
        upload: &[usize],
        chain: PackedChain,
    ) -> Result<Self, ParametersError> {
        Self::check_packed(degree, plaintext_moduli, upload, &chain)?;
        Self::unchecked_packed(degree, plaintext_moduli, upload, chain)
    }

    /// Checks packed parameters without making them.
    ///
    /// # Errors
    /// If the parameters are not 128-bit secure or not valid.
    pub(crate) fn check_packed(
        degree: usize,
        plaintext_moduli: &[u64],
        upload: &[usize],
        chain: &PackedChain,
    ) -> Result<(), ParametersError> {
        let primes = PrimeSizes { upload: upload.to_vec(), hidden: chain.kept.hidden };
        Self::check(degree, plaintext_moduli, &primes, Encryption::SecretKey)?;
        let plaintext_bits = plaintext_moduli.iter().map(|&t| bits_of(t)).max().unwrap_or(0);
        chain.check(degree, upload.len(), plaintext_bits as usize)?;
        let found_bits = upload.iter().sum::<usize>() + chain.special_bits;
        let limit_bits = security_limit(degree)?;
        if found_bits > limit_bits {
            let extra = Some((chain.special_bits, "key switching"));
            return Err(ParametersError::Insecure { extra, degree, found_bits, limit_bits });
        }
        Ok(())
    }

    fn unchecked_packed(
        degree: usize,
        plaintext_moduli: &[u64],
        upload: &[usize],
        chain: PackedChain,
    ) -> Result<Self, ParametersError> {
        let primes = PrimeSizes { upload: upload.to_vec(), hidden: chain.kept.hidden };
        let mut sizes = upload.to_vec();
        sizes.push(chain.special_bits);
        let channels = Channel::of_moduli(degree, plaintext_moduli, &primes, &sizes)?;
        let channels = channels.into_iter().map(|channel| channel.into_packed(chain.kept)).collect();
        let crt = Crt::new(plaintext_moduli);
        Ok(Self { channels, encryption: Encryption::SecretKey, packed: Some(chain), crt })
    }

    /// Checks parameters without making them, which takes some 10 ms.
    ///
    /// # Errors
    /// If the parameters are not 128-bit secure or not valid.
    pub(crate) fn check(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        encryption: Encryption,
    ) -> Result<(), ParametersError> {
        let limit_bits = security_limit(degree)?;
        let (count, bits) = (plaintext_moduli.len(), log2_of_product(plaintext_moduli));
        if !(1..=MAX_PLAINTEXT_MODULI).contains(&count) || bits >= f64::from(MAX_RANGE_BITS) {
            return Err(ParametersError::PlaintextModuli { count, bits });
        }
        let step = 2 * degree as u64;
        for (index, &t) in plaintext_moduli.iter().enumerate() {
            let sound = bits_of(t) <= MAX_PLAINTEXT_BITS && t % step == 1 && is_prime(t, step);
            if !sound || plaintext_moduli.iter().take(index).any(|&other| other == t) {
                return Err(ParametersError::PlaintextModulus { found: t, degree });
            }
        }
        let plaintext_bits = plaintext_moduli.iter().map(|&t| bits_of(t)).max().unwrap_or(0);
        // `fhe` decrypts modulo the first ciphertext prime, which must be larger than t.
        let sound = |&bits: &usize| PRIME_BITS.contains(&bits) && bits > plaintext_bits as usize;
        let PrimeSizes { upload, hidden } = primes;
        if !UPLOAD_PRIMES.contains(&upload.len()) || !upload.iter().all(sound) {
            return Err(ParametersError::CiphertextPrimes { found: upload.clone(), plaintext_bits });
        }
        if !(1..upload.len()).contains(hidden) {
            return Err(ParametersError::HiddenPrimes { found: *hidden, upload: upload.len() });
        }
        // Security depends on the modulus of the keys, not on that of an upload.
        let largest = plaintext_moduli.iter().copied().max().unwrap_or(0);
        let found_bits = primes.all(largest, encryption).iter().sum();
        if found_bits > limit_bits {
            let encryption_bits = found_bits - upload.iter().sum::<usize>();
            let extra = (encryption_bits > 0).then_some((encryption_bits, "public-key encryption"));
            return Err(ParametersError::Insecure { extra, degree, found_bits, limit_bits });
        }
        Ok(())
    }

    fn unchecked(
        degree: usize,
        plaintext_moduli: &[u64],
        primes: &PrimeSizes,
        encryption: Encryption,
    ) -> Result<Self, ParametersError> {
        // All channels have the same ciphertext primes, so the largest plaintext modulus decides the encryption prime.
        let largest = plaintext_moduli.iter().copied().max().unwrap_or(0);
        let sizes = primes.all(largest, encryption);
        let channels = Channel::of_moduli(degree, plaintext_moduli, primes, &sizes)?;
        Ok(Self { channels, encryption, packed: None, crt: Crt::new(plaintext_moduli) })
    }

    /// A small and insecure ring with one channel, only for fast tests of this crate.
    #[cfg(test)]
    pub(crate) fn insecure(degree: usize, largest_logit: i128, prime_bits: &[usize]) -> Self {
        Self::insecure_channels(degree, largest_logit, 1, prime_bits)
    }

    /// A small and insecure ring with several channels.
    #[cfg(test)]
    pub(crate) fn insecure_channels(
        degree: usize,
        largest_logit: i128,
        channels: usize,
        prime_bits: &[usize],
    ) -> Self {
        let moduli = super::crt::plaintext_moduli(largest_logit, channels, degree).unwrap();
        Self::unchecked(degree, &moduli, &PrimeSizes::new(prime_bits), Encryption::default()).unwrap()
    }

    /// The same parameters with another key for images.
    #[cfg(test)]
    pub(crate) fn encrypted_with(self, encryption: Encryption) -> Self {
        let primes = self.channels[0].prime_sizes();
        Self::unchecked(self.degree(), &self.plaintext_moduli(), &primes, encryption).unwrap()
    }

    /// The channels, one for each plaintext modulus.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The chain of packed parameters, or `None` for batched ones.
    #[must_use]
    pub fn packed(&self) -> Option<&PackedChain> {
        self.packed.as_ref()
    }

    /// The primes of the first polynomials of a packed evaluation's key for `primes` ciphertext primes: these primes and the special prime.
    #[must_use]
    pub fn switching_key_primes(&self, primes: usize) -> Vec<u64> {
        let channel = self.first_channel();
        channel.ciphertext_primes().iter().take(primes).copied().chain(channel.special_prime()).collect()
    }

    /// The most images of a batch: N, or 1 in packed parameters.
    #[must_use]
    pub fn images_per_batch(&self) -> usize {
        if self.packed.is_some() { 1 } else { self.degree() }
    }

    /// The ciphertexts of a batch of images of `pixels` in every channel: one for each pixel, or 1 in packed parameters.
    #[must_use]
    pub fn batch_ciphertexts(&self, pixels: usize) -> usize {
        if self.packed.is_some() { 1 } else { pixels }
    }

    /// The ciphertexts of an answer in every channel: one for each class, or 1 in packed parameters.
    #[must_use]
    pub fn answer_ciphertexts(&self, classes: usize) -> usize {
        if self.packed.is_some() { 1 } else { classes }
    }

    /// The key that images are encrypted with.
    #[must_use]
    pub fn encryption(&self) -> Encryption {
        self.encryption
    }

    /// The ring degree N, also the number of slots.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.first_channel().degree()
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

    /// The number of the channel with the least room for noise and the most noise: the channel of the largest plaintext modulus.
    #[must_use]
    pub fn narrowest_channel(&self) -> usize {
        let largest = |(_, channel): &(usize, &Channel)| channel.plaintext_modulus();
        self.channels.iter().enumerate().max_by_key(largest).map_or(0, |(index, _)| index)
    }

    /// The ciphertext primes of an upload, whose product is Q. They are the same in every channel.
    #[must_use]
    pub fn ciphertext_primes(&self) -> &[u64] {
        self.first_channel().ciphertext_primes()
    }

    /// The compact form of an upload's polynomials, the same in every channel.
    #[must_use]
    pub fn upload_layout(&self) -> LimbLayout {
        LimbLayout::new(self.degree(), self.ciphertext_primes())
    }

    /// The number of primes that hidden units keep.
    #[must_use]
    pub fn hidden_primes(&self) -> usize {
        self.first_channel().hidden_primes().len()
    }

    /// log2 of the ciphertext modulus Q of an upload.
    #[must_use]
    pub fn ciphertext_modulus_bits(&self) -> f64 {
        log2_of_product(self.ciphertext_primes())
    }

    /// log2 of the largest modulus under which anything is encrypted: Q, times the encryption prime or the special prime. Security depends
    /// on it.
    #[must_use]
    pub fn key_modulus_bits(&self) -> f64 {
        self.channels.iter().map(|channel| log2_of_product(channel.key_primes())).fold(0.0, f64::max)
    }

    /// The most bits of [`key_modulus_bits`](Self::key_modulus_bits) that are 128-bit secure at this ring degree.
    #[must_use]
    pub fn security_limit_bits(&self) -> usize {
        security_limit(self.degree()).unwrap_or(0)
    }

    /// The largest absolute value that decrypts to itself, (t - 1) / 2.
    #[must_use]
    pub fn largest_value(&self) -> i128 {
        self.crt.largest()
    }

    #[expect(clippy::indexing_slicing, reason = "`check` refuses parameters without a plaintext modulus")]
    fn first_channel(&self) -> &Channel {
        &self.channels[0]
    }

    /// The integer with the given residues, one for each channel.
    pub(crate) fn integer(&self, residues: impl Iterator<Item = u64>) -> i128 {
        self.crt.integer(residues)
    }
}

/// The most bits of a ciphertext modulus that are secure at a ring degree.
///
/// # Errors
/// If the ring degree is in none of the tables.
pub fn security_limit(degree: usize) -> Result<usize, ParametersError> {
    let limit = SECURITY_LIMITS.iter().find(|(n, _)| *n == degree);
    limit.map(|(_, bits)| *bits).ok_or(ParametersError::Degree { found: degree })
}

#[cfg(test)]
mod tests {
    use super::super::crt::plaintext_moduli;
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
