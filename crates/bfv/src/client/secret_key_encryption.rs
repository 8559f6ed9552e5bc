//! Encryption with the secret key.

use fhe::bfv::SecretKey;
use fhe::proto::bfv::SecretKey as SecretKeyProto;
use rand::CryptoRng;
use zeroize::Zeroizing;

use super::buffers::{EncryptionBuffers, draw_error};
use crate::error::EncryptionError;
use crate::kernel::Kernel;
use crate::parameters::channel::Channel;
use crate::seed::expansion::{Seed, expand};
use crate::shoup::dispatch;
use crate::shoup::factor::{Factor, Factors, MessageTerm};
use crate::slots::{EncodingFactor, SlotEncoder, message_factor};
use crate::transform::Transform;

/// Encrypts with the secret key at the level of an upload: `c1 = a`, expanded from a seed, and `c0 = e - a s + m`.
///
/// Ciphertexts equal, bit for bit, those that `fhe`'s [`SecretKey`] makes with the same seed and the same error. The transformed
/// secret is kept, and zeroed when dropped.
pub struct SecretKeyEncryption {
    kernel: Kernel,
    channel: Channel,
    encoder: SlotEncoder,
    encoding_factor: EncodingFactor,
    /// By prime: -1 / t.
    message_factors: Vec<Factor>,
    /// By prime: the transformed secret.
    secret: Vec<Factors>,
}

impl SecretKeyEncryption {
    /// Encryption with the channel's key.
    ///
    /// # Errors
    /// If the key is of another degree.
    pub fn new(channel: &Channel, key: &SecretKey) -> Result<Self, EncryptionError> {
        let (kernel, t) = (Kernel::detect(), channel.plaintext_modulus());
        let primes = channel.ciphertext_primes();
        let encoder = SlotEncoder::new(channel);
        let encoding_factor = encoder.encoding_factor(primes);
        let message_factors = primes.iter().map(|&prime| message_factor(t, prime)).collect();
        let secret = transformed_secret(key, kernel, channel.transforms(channel.upload_level()))?;
        Ok(Self { kernel, channel: channel.clone(), encoder, encoding_factor, message_factors, secret })
    }

    /// Encrypts `values`, one in each of the first slots; the other slots hold 0. The error is drawn from `rng`, which must be
    /// seeded by the operating system. `seed` must be fresh and random. `first` and `second` receive the residues of
    /// the two polynomials in `fhe`'s NTT form: prime after prime, N of each.
    ///
    /// # Errors
    /// If there are more than N values, or a value is not below the plaintext modulus.
    ///
    /// # Panics
    /// If an output or a buffer has another length.
    pub fn encrypt<V: Copy + Into<u64>>(
        &self,
        values: &[V],
        seed: &Seed,
        rng: &mut impl CryptoRng,
        buffers: &mut EncryptionBuffers,
        first: &mut [u64],
        second: &mut [u64],
    ) -> Result<(), EncryptionError> {
        let (degree, primes) = (self.encoder.slots(), self.channel.ciphertext_primes());
        assert!([first.len(), second.len()] == [degree * primes.len(); 2], "N residues for each prime");
        let EncryptionBuffers { message: coefficients, errors: [error, _], .. } = buffers;
        self.encoder.encode(self.kernel, values, self.encoding_factor, coefficients)?;
        draw_error(rng, error);
        expand(self.kernel, seed, primes, second);
        let polynomials = first.chunks_exact_mut(degree).zip(second.chunks_exact(degree));
        let ring = self
            .channel
            .transforms(self.channel.upload_level())
            .iter()
            .zip(&self.message_factors)
            .zip(&self.secret);
        for ((first, second), ((transform, &factor), secret)) in polynomials.zip(ring) {
            let (message, prime) = (MessageTerm { coefficients, factor }, transform.prime());
            dispatch::add_message(self.kernel, message, error, prime, first);
            transform.forward(first);
            dispatch::subtract_products(self.kernel, first, second, secret, prime);
        }
        Ok(())
    }
}

/// The secret's values modulo each transform's prime.
///
/// # Errors
/// If the key is of another degree.
pub fn transformed_secret(
    key: &SecretKey,
    kernel: Kernel,
    transforms: &[Transform],
) -> Result<Vec<Factors>, EncryptionError> {
    // `fhe` shows the coefficients only in the protobuf form, which is a plain copy of them.
    let coefficients = Zeroizing::new(SecretKeyProto::from(key).coeffs);
    let transformed = |transform: &Transform| {
        if coefficients.len() != transform.degree() {
            return Err(EncryptionError::Key);
        }
        let mut values = Zeroizing::new(vec![0; coefficients.len()]);
        dispatch::residues(kernel, &coefficients, transform.prime(), &mut values);
        transform.forward(&mut values);
        Ok(Factors::new(values, transform.prime()))
    };
    transforms.iter().map(transformed).collect()
}
