//! Images and logits under encryption.

use fhe::bfv::{Ciphertext, Encoding, Plaintext};
use fhe_traits::{FheDecoder, FheDecrypter, FheEncoder, FheEncrypter, Serialize};
use rayon::prelude::*;

use crate::noise::measured_bits;
use crate::{BfvError, ClientKey, Encryption, Parameters};

/// Pixels that are gathered from the images together.
const PIXELS_AT_A_TIME: usize = 16;

/// Up to N images under encryption: one ciphertext per pixel, one image in each slot.
#[derive(Debug, Clone)]
pub struct EncryptedBatch {
    pub(crate) pixels: Vec<Ciphertext>,
    images: usize,
}

/// Logits under encryption: one ciphertext per class, one image in each slot.
#[derive(Debug, Clone)]
pub struct EncryptedLogits {
    pub(crate) classes: Vec<Ciphertext>,
}

impl EncryptedLogits {
    /// Bytes of the logits in `fhe`'s serialisation.
    #[must_use]
    pub fn bytes(&self) -> usize {
        serialised_bytes(&self.classes)
    }

    /// How often the answer was switched down.
    fn level(&self, parameters: &Parameters) -> usize {
        let all = parameters.ciphertext_primes().len();
        self.classes.first().map_or(0, |class| all - class[0].ctx().moduli().len())
    }
}

/// Decrypted logits of every slot, and the noise they were found in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecryptedLogits {
    classes: Vec<Vec<i64>>,
    noise_bits: usize,
    noise_limit_bits: usize,
}

impl EncryptedBatch {
    /// Images in the batch; the slots beyond hold blank images.
    #[must_use]
    pub fn images(&self) -> usize {
        self.images
    }

    /// Bytes of the batch in `fhe`'s serialisation.
    #[must_use]
    pub fn bytes(&self) -> usize {
        serialised_bytes(&self.pixels)
    }
}

impl ClientKey {
    /// Encrypts quantised images of `pixels` values each, image after image, with the key that the parameters were
    /// chosen for ([`Encryption`]), using the threads of the current `rayon` pool. `advance` is told of every pixel
    /// done.
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
        let encrypt = |values: Vec<u64>| -> Result<Ciphertext, BfvError> {
            let plaintext = Plaintext::try_encode(&values, Encoding::simd(), self.parameters.inner())?;
            let rng = &mut rand::rng();
            let ciphertext = match self.parameters.encryption() {
                Encryption::PublicKey => self.public.try_encrypt(&plaintext, rng)?,
                Encryption::SecretKey => self.secret.try_encrypt(&plaintext, rng)?,
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
        let pixels = rows.map(encrypt).collect::<Result<_, _>>()?;
        Ok(EncryptedBatch { pixels, images: count })
    }

    /// Decrypts logits and measures their noise.
    ///
    /// # Errors
    /// If the noise is so large that the values cannot be trusted.
    pub fn decrypt(&self, logits: &EncryptedLogits) -> Result<DecryptedLogits, BfvError> {
        let decrypt = |class: &Ciphertext| -> Result<(Vec<i64>, usize), BfvError> {
            let plaintext = self.secret.try_decrypt(class)?;
            let residues = Vec::<u64>::try_decode(&plaintext, Encoding::simd())?;
            let values = residues.into_iter().map(|residue| self.parameters.centred(residue)).collect();
            Ok((values, measured_bits(&self.secret, class)?))
        };
        let decrypted: Vec<_> = logits.classes.par_iter().map(decrypt).collect::<Result<_, _>>()?;
        let level = logits.level(&self.parameters);
        let noise_limit_bits = self.parameters.largest_noise_bits(level);
        let noise_bits = decrypted.iter().map(|(_, bits)| *bits).max().unwrap_or(0);
        if noise_bits > noise_limit_bits {
            return Err(BfvError::NoiseExhausted { noise_bits, limit_bits: noise_limit_bits });
        }
        let classes = decrypted.into_iter().map(|(values, _)| values).collect();
        Ok(DecryptedLogits { classes, noise_bits, noise_limit_bits })
    }
}

impl DecryptedLogits {
    /// The logits of one slot, one for each class.
    ///
    /// # Panics
    /// If there is no such slot.
    #[must_use]
    pub fn slot(&self, slot: usize) -> Vec<i64> {
        self.classes.iter().map(|class| class[slot]).collect()
    }

    /// Slots, whether or not they hold an image.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.classes.first().map_or(0, Vec::len)
    }

    /// Bits of the largest noise coefficient over all classes.
    #[must_use]
    pub fn noise_bits(&self) -> usize {
        self.noise_bits
    }

    /// Bits of noise that could still be added before decryption fails.
    #[must_use]
    pub fn noise_budget_bits(&self) -> usize {
        self.noise_limit_bits - self.noise_bits
    }
}

/// Ciphertexts of one kind have the same number of bytes up to the headers' few.
fn serialised_bytes(ciphertexts: &[Ciphertext]) -> usize {
    ciphertexts.first().map_or(0, |ciphertext| ciphertext.to_bytes().len() * ciphertexts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_up_to_the_largest_decrypts_to_itself() {
        let parameters = Parameters::insecure(64, 1 << 20, &[50, 50]);
        let client = ClientKey::generate(&parameters);
        let largest = parameters.largest_value();
        let values = [largest, -largest, largest - 1, 1 - largest, 1, -1, 0];
        let plaintext = Plaintext::try_encode(&values[..], Encoding::simd(), parameters.inner()).unwrap();
        let ciphertext = client.public.try_encrypt(&plaintext, &mut rand::rng()).unwrap();
        let decrypted = client.decrypt(&EncryptedLogits { classes: vec![ciphertext] }).unwrap();
        let found: Vec<i64> = (0..values.len()).map(|slot| decrypted.slot(slot)[0]).collect();
        assert_eq!(found, values);
    }
}
