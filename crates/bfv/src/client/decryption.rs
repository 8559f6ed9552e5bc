//! Decryption with a measurement of the noise.

use std::sync::Arc;

use fhe::bfv::{Ciphertext, Encoding, SecretKey};
use fhe_traits::{FheDecoder, FheDecrypter};
use zeroize::Zeroizing;

use super::noise_meter::NoiseMeter;
use crate::error::EncryptionError;
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::slots::SlotEncoder;

/// Decrypts ciphertexts of one level. `fhe` decrypts; values and noise are computed here from the decrypted polynomial.
pub struct Decryption {
    key: Arc<SecretKey>,
    level: Level,
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

/// Decrypted logits of every slot, and the noise of their ciphertexts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecryptedLogits {
    /// By class, by slot.
    classes: Vec<Vec<i128>>,
    noise_bits: usize,
    noise_budget_bits: usize,
}

impl Decryption {
    /// Decryption of the channel's ciphertexts at `level`.
    ///
    /// # Errors
    /// If the key is of another degree.
    ///
    /// # Panics
    /// If the channel has no such level.
    pub fn new(channel: &Channel, key: &Arc<SecretKey>, level: Level) -> Result<Self, EncryptionError> {
        let meter = NoiseMeter::new(channel, key, level)?;
        Ok(Self { key: key.clone(), level, encoder: SlotEncoder::new(channel), meter })
    }

    /// The level of the ciphertexts.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Decrypts a ciphertext of two polynomials and measures its noise. If the noise has reached the message, then the values
    /// are wrong and the noise is close to the largest that can be measured, as with `fhe`.
    ///
    /// # Errors
    /// If the ciphertext belongs to other parameters, is at another level, or has more than two polynomials.
    pub fn decrypt(&self, ciphertext: &Ciphertext) -> Result<Decrypted, EncryptionError> {
        let plaintext = self.key.try_decrypt(ciphertext)?;
        let message = Zeroizing::new(Vec::<u64>::try_decode(&plaintext, Encoding::poly())?);
        let noise_bits = self.meter.noise_bits(ciphertext, &message, &self.encoder)?;
        Ok(Decrypted { values: self.encoder.decode(&message), noise_bits })
    }
}

impl DecryptedLogits {
    /// Logits by class, by slot.
    pub(super) fn new(classes: Vec<Vec<i128>>, noise_bits: usize, noise_budget_bits: usize) -> Self {
        Self { classes, noise_bits, noise_budget_bits }
    }

    /// The logits of one slot, one for each class.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a documented panic: callers count slots")]
    pub fn slot(&self, slot: usize) -> Vec<i128> {
        self.classes.iter().map(|class| class[slot]).collect()
    }

    /// The number of slots, with those that hold no image.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.classes.first().map_or(0, Vec::len)
    }

    /// Bits of the largest noise coefficient over all channels and classes.
    #[must_use]
    pub fn noise_bits(&self) -> usize {
        self.noise_bits
    }

    /// Bits of noise that could still be added before decryption fails.
    #[must_use]
    pub fn noise_budget_bits(&self) -> usize {
        self.noise_budget_bits
    }
}
