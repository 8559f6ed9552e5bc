//! Decryption with a measure of the noise.

use std::sync::Arc;

use fhe::bfv::{Ciphertext, Encoding, SecretKey};
use fhe_traits::{FheDecoder, FheDecrypter};
use zeroize::Zeroizing;

use super::error::EncryptionError;
use super::noise::NoiseMeter;
use super::slots::SlotEncoder;
use crate::parameters::Channel;

/// Decrypts ciphertexts of one level. `fhe` decrypts; the slots and the noise are computed from its polynomial.
pub struct Decryption {
    key: Arc<SecretKey>,
    encoder: SlotEncoder,
    meter: NoiseMeter,
}

/// A decrypted ciphertext.
pub struct Decrypted {
    /// The values of all N slots, below the plaintext modulus.
    pub values: Vec<u64>,
    /// Bits of the largest absolute coefficient of the noise.
    pub noise_bits: usize,
}

impl Decryption {
    /// For the channel's key and ciphertexts at `level`.
    ///
    /// # Errors
    /// If the key is of another degree.
    ///
    /// # Panics
    /// If there is no such level.
    pub fn new(channel: &Channel, key: &Arc<SecretKey>, level: usize) -> Result<Self, EncryptionError> {
        let meter = NoiseMeter::new(channel, key, level)?;
        Ok(Self { key: key.clone(), encoder: SlotEncoder::new(channel), meter })
    }

    /// Decrypts a ciphertext of two polynomials and measures its noise. Where noise has reached the message, values are wrong and
    /// the noise is close to the largest that can be measured, as with `fhe`.
    ///
    /// # Errors
    /// If the ciphertext belongs to other parameters, is at another level, or has more than two polynomials.
    pub fn decrypt(&self, ciphertext: &Ciphertext) -> Result<Decrypted, EncryptionError> {
        let plaintext = self.key.try_decrypt(ciphertext)?;
        let message = Zeroizing::new(Vec::<u64>::try_decode(&plaintext, Encoding::poly())?);
        let noise_bits = self.meter.bits(ciphertext, &message, &self.encoder)?;
        Ok(Decrypted { values: self.encoder.decode(&message), noise_bits })
    }
}
