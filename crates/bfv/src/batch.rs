//! Images and logits under encryption.

use fhe::bfv::{Ciphertext, Encoding, Plaintext};
use fhe_traits::{FheDecoder, FheDecrypter, FheEncoder, FheEncrypter};
use rayon::prelude::*;
use sottovoce_network::Architecture;

use crate::keys::ClientChannelKey;
use crate::noise::measured_bits;
use crate::parameters::Channel;
use crate::{BfvError, ClientKey, Encryption};

/// Pixels that are gathered from the images together.
const PIXELS_AT_A_TIME: usize = 16;

/// Up to N images under encryption: in every channel one ciphertext per pixel, one image in each slot.
#[derive(Debug, Clone)]
pub struct EncryptedBatch {
    /// By channel, by pixel.
    pub(crate) channels: Vec<Vec<Ciphertext>>,
    images: usize,
}

/// Logits under encryption: in every channel one ciphertext per class, one image in each slot.
#[derive(Debug, Clone)]
pub struct EncryptedLogits {
    /// By channel, by class.
    pub(crate) channels: Vec<Vec<Ciphertext>>,
}

/// Decrypted logits of every slot, and the noise they were found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecryptedLogits {
    classes: Vec<Vec<i128>>,
    noise_bits: usize,
    noise_budget_bits: usize,
}

impl EncryptedBatch {
    /// By channel, by pixel.
    pub(crate) fn new(channels: Vec<Vec<Ciphertext>>, images: usize) -> Self {
        Self { channels, images }
    }

    /// Images in the batch; the slots beyond hold blank images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Whether a network of `shape` reads such images, under keys for `channels`.
    pub(crate) fn check<'a>(
        &self,
        shape: &Architecture,
        channels: impl ExactSizeIterator<Item = &'a Channel>,
    ) -> Result<(), BfvError> {
        let (found, needed) = (self.channels.first().map_or(0, Vec::len), shape.pixels());
        if found != needed {
            return Err(BfvError::Pixels { found, needed });
        }
        if self.channels.len() != channels.len() {
            return Err(BfvError::Channels { found: self.channels.len(), needed: channels.len() });
        }
        for (pixels, channel) in self.channels.iter().zip(channels) {
            let primes = channel.ciphertext_primes();
            let other_ring = |pixel: &Ciphertext| {
                let (moduli, residues) = (pixel[0].ctx().moduli(), pixel[0].coefficients().len());
                moduli != primes || residues != primes.len() * channel.degree()
            };
            if pixels.iter().any(other_ring) {
                return Err(BfvError::Ring);
            }
        }
        Ok(())
    }
}

impl ClientKey {
    /// Encrypts quantised images of `pixels` values each, image after image, with the key that the parameters were
    /// chosen for ([`Encryption`]), using the threads of the current `rayon` pool. `advance` is told of every pixel
    /// done in every channel ([`encryption_work`](Self::encryption_work)).
    ///
    /// # Errors
    /// If there are no images, more than slots, or parts of one.
    pub fn encrypt(
        &self,
        images: &[u8],
        pixels: usize,
        advance: &(dyn Fn() + Sync),
    ) -> Result<EncryptedBatch, BfvError> {
        let count = images.len() / pixels.max(1);
        if count * pixels != images.len() {
            return Err(BfvError::ImageSize { bytes: images.len(), pixels });
        }
        let slots = self.parameters.degree();
        if count == 0 || count > slots {
            return Err(BfvError::BatchSize { found: count, slots });
        }
        let channels = self.parameters.channels().iter().zip(&self.channels);
        let encrypt = |values: &[u64], channel: &Channel, key: &ClientChannelKey| {
            let plaintext = Plaintext::try_encode(values, Encoding::simd(), channel.inner())?;
            let rng = &mut rand::rng();
            let ciphertext = match self.parameters.encryption() {
                Encryption::PublicKey => key.public.try_encrypt(&plaintext, rng)?,
                Encryption::SecretKey => key.secret.try_encrypt(&plaintext, rng)?,
            };
            advance();
            Ok(ciphertext)
        };
        // Reading one pixel of every image at a time would load a cache line for each.
        let rows = (0..pixels.div_ceil(PIXELS_AT_A_TIME)).into_par_iter().flat_map(|block| {
            let columns = block * PIXELS_AT_A_TIME..pixels.min((block + 1) * PIXELS_AT_A_TIME);
            let mut rows = vec![Vec::with_capacity(count); columns.len()];
            for image in images.chunks_exact(pixels) {
                for (row, &value) in rows.iter_mut().zip(&image[columns.clone()]) {
                    row.push(u64::from(value));
                }
            }
            rows
        });
        let rows: Vec<Vec<u64>> = rows.collect();
        let channels = channels.map(|(channel, key)| {
            rows.par_iter().map(|values| encrypt(values, channel, key)).collect::<Result<_, BfvError>>()
        });
        Ok(EncryptedBatch::new(channels.collect::<Result<_, _>>()?, count))
    }

    /// The work of encrypting images of `pixels`, in the units that [`encrypt`](Self::encrypt) reports.
    #[must_use]
    pub fn encryption_work(&self, pixels: usize) -> u64 {
        (self.channels.len() * pixels) as u64
    }

    /// Decrypts logits and measures their noise.
    ///
    /// # Errors
    /// If they come from other parameters, or the noise is so large that the values cannot be trusted.
    pub fn decrypt(&self, logits: &EncryptedLogits) -> Result<DecryptedLogits, BfvError> {
        if logits.channels.len() != self.channels.len() {
            let (found, needed) = (logits.channels.len(), self.channels.len());
            return Err(BfvError::Channels { found, needed });
        }
        let (mut noise_bits, mut noise_budget_bits) = (0, usize::MAX);
        // By channel, by class.
        let mut residues: Vec<Vec<Vec<u64>>> = Vec::new();
        for ((classes, channel), key) in
            logits.channels.iter().zip(self.parameters.channels()).zip(&self.channels)
        {
            let decrypt = |class: &Ciphertext| -> Result<(Vec<u64>, usize), BfvError> {
                let plaintext = key.secret.try_decrypt(class)?;
                let residues = Vec::<u64>::try_decode(&plaintext, Encoding::simd())?;
                Ok((residues, measured_bits(&key.secret, class)?))
            };
            let decrypted: Vec<_> = classes.par_iter().map(decrypt).collect::<Result<_, _>>()?;
            let primes = classes.first().map_or(0, |class| class[0].ctx().moduli().len());
            let limit_bits = channel.largest_noise_bits(channel.ciphertext_primes().len() - primes);
            let largest = decrypted.iter().map(|(_, bits)| *bits).max().unwrap_or(0);
            if largest > limit_bits {
                return Err(BfvError::NoiseExhausted { noise_bits: largest, limit_bits });
            }
            noise_bits = noise_bits.max(largest);
            noise_budget_bits = noise_budget_bits.min(limit_bits - largest);
            residues.push(decrypted.into_iter().map(|(residues, _)| residues).collect());
        }
        let classes = (0..residues.first().map_or(0, Vec::len)).into_par_iter().map(|class| {
            let slot = |slot| self.parameters.integer(residues.iter().map(|channel| channel[class][slot]));
            (0..self.parameters.degree()).map(slot).collect()
        });
        Ok(DecryptedLogits { classes: classes.collect(), noise_bits, noise_budget_bits })
    }
}

impl DecryptedLogits {
    /// The logits of one slot, one for each class.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub fn slot(&self, slot: usize) -> Vec<i128> {
        self.classes.iter().map(|class| class[slot]).collect()
    }

    /// Slots, whether or not they hold an image.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Parameters;

    #[test]
    fn every_value_up_to_the_largest_decrypts_to_itself() {
        for channels in [1, 2, 3] {
            let parameters = Parameters::insecure_channels(64, 1 << 20, channels, &[50, 50]);
            let client = ClientKey::generate(&parameters);
            let largest = parameters.largest_value();
            assert!(largest >= 1 << 20);
            let values = [largest, -largest, largest - 1, 1 - largest, 1, -1, 0];
            let encrypt = |(channel, key): (&Channel, &ClientChannelKey)| {
                let t = i128::from(channel.plaintext_modulus());
                let residues = values.map(|value| value.rem_euclid(t) as u64);
                let plaintext =
                    Plaintext::try_encode(&residues[..], Encoding::simd(), channel.inner()).unwrap();
                vec![key.public.try_encrypt(&plaintext, &mut rand::rng()).unwrap()]
            };
            let channels = parameters.channels().iter().zip(&client.channels).map(encrypt).collect();
            let decrypted = client.decrypt(&EncryptedLogits { channels }).unwrap();
            let found: Vec<i128> = (0..values.len()).map(|slot| decrypted.slot(slot)[0]).collect();
            assert_eq!(found, values);
        }
    }
}
