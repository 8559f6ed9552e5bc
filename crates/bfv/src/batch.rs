//! Images and logits under encryption.

use fhe::bfv::{Ciphertext, Encoding, Plaintext};
use fhe_traits::{FheEncoder, FheEncrypter};
use rayon::prelude::*;
use sottovoce_network::Architecture;

use crate::encryption::PixelEncryptor;
use crate::noise::Evaluation;
use crate::packed::{PackedCiphertext, RowLayout};
use crate::parameters::{Channel, product};
use crate::parts::packed;
use crate::progress::ProgressObserver;
use crate::{BfvError, ClientKey, Encryption};

/// Pixels that are gathered from the images together.
const PIXELS_AT_A_TIME: usize = 16;

/// Up to N images under encryption: in every channel one ciphertext per pixel, one image in each slot. Ciphertexts are
/// packed: 231 MB for the paper's images and 144 bits of ciphertext modulus.
#[derive(Debug, Clone)]
pub struct EncryptedBatch {
    /// By channel, by pixel.
    pub(crate) channels: Vec<Vec<PackedCiphertext>>,
    /// Layout of the packed polynomials, which all channels share.
    pub(crate) layout: RowLayout,
    images: usize,
}

/// Logits under encryption: in every channel one ciphertext per class, one image in each slot.
#[derive(Debug, Clone)]
pub struct EncryptedLogits {
    /// By channel, by class.
    pub(crate) channels: Vec<Vec<Ciphertext>>,
    /// Evaluator of the logits. The engine's have a public factor
    /// ([`Channel::answer_factor`](crate::parameters::Channel::answer_factor)).
    pub(crate) evaluation: Evaluation,
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
    pub(crate) fn new(channels: Vec<Vec<PackedCiphertext>>, layout: RowLayout, images: usize) -> Self {
        Self { channels, layout, images }
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
        for channel in channels {
            if self.layout != channel.upload_layout() {
                return Err(BfvError::Ring);
            }
        }
        Ok(())
    }
}

impl ClientKey {
    /// Encrypts quantised images of `pixels` values each, image after image, with the key that the parameters were
    /// chosen for ([`Encryption`]), using the threads of the current `rayon` pool. `observer` is told of every pixel
    /// done in every channel ([`encryption_work`](Self::encryption_work)).
    ///
    /// # Errors
    /// If there are no images, more than slots, or parts of one.
    pub fn encrypt(
        &self,
        images: &[u8],
        pixels: usize,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedBatch, BfvError> {
        let rows = self.rows(images, pixels)?;
        let channels = self.parameters.channels().iter().zip(&self.channels).map(|(channel, key)| {
            let encryption = key.encryption(channel, self.parameters.encryption())?;
            let encrypt = |encryptor: &mut Option<PixelEncryptor>, values: &[u8]| {
                let encryptor = match encryptor {
                    Some(encryptor) => encryptor,
                    None => encryptor.insert(encryption.encryptor()?),
                };
                let ciphertext = encryption.encrypt(values, encryptor)?;
                observer.advance(1);
                Ok(ciphertext)
            };
            // One encryptor for every thread: `rayon` may make some more.
            rows.par().map_init(|| None, encrypt).collect()
        });
        self.batch(channels, rows.images)
    }

    /// Encryption by `fhe` alone, the baseline of [`encrypt`](Self::encrypt) in benchmarks: ciphertexts are alike, and
    /// their making takes longer.
    ///
    /// # Errors
    /// As [`encrypt`](Self::encrypt).
    pub fn encrypt_with_fhe(
        &self,
        images: &[u8],
        pixels: usize,
        observer: &dyn ProgressObserver,
    ) -> Result<EncryptedBatch, BfvError> {
        let rows = self.rows(images, pixels)?;
        let layout = self.parameters.channels()[0].upload_layout();
        let channels = self.parameters.channels().iter().zip(&self.channels).map(|(channel, key)| {
            let encrypt = |values: &[u8]| {
                let values: Vec<u64> = values.iter().map(|&value| value.into()).collect();
                let plaintext = Plaintext::try_encode(&values, Encoding::simd(), channel.inner())?;
                let rng = &mut rand::rng();
                let mut ciphertext = match self.parameters.encryption() {
                    Encryption::PublicKey => key.public.try_encrypt(&plaintext, rng)?,
                    Encryption::SecretKey => key.secret.try_encrypt(&plaintext, rng)?,
                };
                ciphertext.switch_to_level(channel.upload_level())?;
                observer.advance(1);
                Ok(packed(&layout, &ciphertext))
            };
            rows.par().map(encrypt).collect()
        });
        self.batch(channels, rows.images)
    }

    /// Images by pixel.
    fn rows(&self, images: &[u8], pixels: usize) -> Result<Rows, BfvError> {
        let count = images.len() / pixels.max(1);
        if count * pixels != images.len() {
            return Err(BfvError::ImageSize { bytes: images.len(), pixels });
        }
        let slots = self.parameters.degree();
        if count == 0 || count > slots {
            return Err(BfvError::BatchSize { found: count, slots });
        }
        Ok(Rows::new(images, pixels))
    }

    fn batch(
        &self,
        channels: impl Iterator<Item = Result<Vec<PackedCiphertext>, BfvError>>,
        images: usize,
    ) -> Result<EncryptedBatch, BfvError> {
        let layout = self.parameters.channels()[0].upload_layout();
        Ok(EncryptedBatch::new(channels.collect::<Result<_, _>>()?, layout, images))
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
            let t = channel.plaintext_modulus();
            let factor = match logits.evaluation {
                Evaluation::Engine => channel.inverse_answer_factor(),
                Evaluation::Reference => 1,
            };
            let primes = classes.first().map_or(1, |class| class[0].ctx().moduli().len());
            let decryption = key.decryption(channel, primes)?;
            let decrypt = |class: &Ciphertext| -> Result<(Vec<u64>, usize), BfvError> {
                let mut decrypted = decryption.decrypt(class)?;
                decrypted.values.iter_mut().for_each(|value| *value = product(*value, factor, t));
                Ok((decrypted.values, decrypted.noise_bits))
            };
            let decrypted: Vec<_> = classes.par_iter().map(decrypt).collect::<Result<_, _>>()?;
            let limit_bits = channel.largest_noise_bits(channel.key_primes().len() - primes);
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

/// A batch's images by pixel.
struct Rows {
    /// Pixel after pixel, each of every image.
    values: Vec<u8>,
    images: usize,
}

impl Rows {
    /// Of at least one image of at least one pixel.
    fn new(images: &[u8], pixels: usize) -> Self {
        let count = images.len() / pixels;
        let mut values = vec![0; images.len()];
        // Reading one pixel of every image at a time would load a cache line for each.
        values.par_chunks_mut(PIXELS_AT_A_TIME * count).enumerate().for_each(|(block, rows)| {
            let first = block * PIXELS_AT_A_TIME;
            for (image, values) in images.chunks_exact(pixels).enumerate() {
                for (row, &value) in rows.chunks_exact_mut(count).zip(&values[first..]) {
                    row[image] = value;
                }
            }
        });
        Self { values, images: count }
    }

    /// Every pixel's values.
    fn par(&self) -> impl IndexedParallelIterator<Item = &[u8]> {
        self.values.par_chunks_exact(self.images)
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
    use crate::encryption::expanded;
    use crate::keys::ClientChannelKey;
    use crate::parts::pixels;
    use crate::{Kernel, Parameters};

    #[test]
    fn every_pixel_of_a_batch_decrypts_to_itself_whoever_encrypted_it() {
        for encryption in [Encryption::PublicKey, Encryption::SecretKey] {
            let parameters =
                Parameters::insecure_channels(64, 1 << 20, 2, &[50, 45, 50]).encrypted_with(encryption);
            let client = ClientKey::generate(&parameters);
            // More pixels than are gathered at a time.
            let images: Vec<u8> = (0..5 * 19).map(|index| (index * 37 % 256) as u8).collect();
            let ours = client.encrypt(&images, 19, &()).unwrap();
            let theirs = client.encrypt_with_fhe(&images, 19, &()).unwrap();
            for batch in [ours, theirs] {
                assert_eq!(batch.images(), 5);
                let channels = parameters.channels().iter().zip(&batch.channels);
                let ciphertexts =
                    channels.map(|(channel, packed)| pixels(&batch.layout, channel, packed).unwrap());
                let (channels, evaluation) = (ciphertexts.collect(), Evaluation::Reference);
                let decrypted = client.decrypt(&EncryptedLogits { channels, evaluation }).unwrap();
                for slot in 0..64 {
                    let image = images.chunks(19).nth(slot).unwrap_or(&[0; 19]);
                    let expected: Vec<i128> = image.iter().map(|&value| value.into()).collect();
                    assert_eq!(decrypted.slot(slot), expected);
                }
                for pixel in batch.ciphertexts() {
                    assert_eq!(pixel.seed.is_some(), encryption == Encryption::SecretKey);
                    let Some(seed) = pixel.seed else { continue };
                    let uniform = expanded(Kernel::detect(), &seed, parameters.ciphertext_primes(), 64);
                    assert_eq!(pixel.second, Some(batch.layout.pack(&uniform)));
                }
            }
        }
    }

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
            let decrypted =
                client.decrypt(&EncryptedLogits { channels, evaluation: Evaluation::Reference }).unwrap();
            let found: Vec<i128> = (0..values.len()).map(|slot| decrypted.slot(slot)[0]).collect();
            assert_eq!(found, values);
        }
    }
}
