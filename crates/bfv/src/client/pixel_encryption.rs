//! Images by pixel, and pixels as compact ciphertexts, encrypted with the key that the parameters were chosen for.

use fhe::bfv::{PublicKey, SecretKey};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;
use rayon::prelude::*;

use super::buffers::EncryptionBuffers;
use super::public_key_encryption::PublicKeyEncryption;
use super::secret_key_encryption::SecretKeyEncryption;
use crate::compact::layout::{CompactCiphertext, LimbLayout};
use crate::error::EncryptionError;
use crate::parameters::channel::Channel;
use crate::parameters::encryption::Encryption;

/// Pixels that are gathered from the images together.
const PIXELS_AT_A_TIME: usize = 16;

/// A batch's images by pixel: for each pixel a row with its value in every image.
pub struct PixelRows {
    /// Row after row.
    values: Vec<u8>,
    images: usize,
}

impl PixelRows {
    /// The rows of at least one image of at least one pixel.
    pub fn new(images: &[u8], pixels: usize) -> Self {
        let count = images.len() / pixels;
        let mut values = vec![0; images.len()];
        // Reading one pixel of every image at a time would load a cache line for each.
        values.par_chunks_mut(PIXELS_AT_A_TIME * count).enumerate().for_each(|(block, rows)| {
            let first = block * PIXELS_AT_A_TIME;
            for (image, values) in images.chunks_exact(pixels).enumerate() {
                let values = values.iter().skip(first);
                for (row, &value) in rows.chunks_exact_mut(count).zip(values) {
                    #[expect(clippy::indexing_slicing, reason = "a row has one value for each image")]
                    {
                        row[image] = value;
                    }
                }
            }
        });
        Self { values, images: count }
    }

    /// The number of images.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The values of every pixel.
    pub fn par_rows(&self) -> impl IndexedParallelIterator<Item = &[u8]> {
        self.values.par_chunks_exact(self.images)
    }
}

/// Encryption of one channel's pixels.
pub struct PixelEncryption {
    key: Key,
    layout: LimbLayout,
}

enum Key {
    Public(Box<PublicKeyEncryption>),
    Secret(Box<SecretKeyEncryption>),
}

/// Memory of one thread that encrypts, and its generator of masks and errors.
pub struct ThreadState {
    /// ChaCha12, seeded by the operating system.
    rng: ChaCha12Rng,
    buffers: EncryptionBuffers,
    /// The residues of a ciphertext's two polynomials.
    polynomials: [Vec<u64>; 2],
}

impl PixelEncryption {
    /// Encryption with one of the channel's keys.
    ///
    /// # Errors
    /// If that key does not belong to the channel.
    pub fn new(
        channel: &Channel,
        encryption: Encryption,
        secret: &SecretKey,
        public: Option<&PublicKey>,
    ) -> Result<Self, EncryptionError> {
        let key = match encryption {
            Encryption::PublicKey => {
                let public = public.ok_or(EncryptionError::Key)?;
                Key::Public(Box::new(PublicKeyEncryption::new(channel, public)?))
            }
            Encryption::SecretKey => Key::Secret(Box::new(SecretKeyEncryption::new(channel, secret)?)),
        };
        Ok(Self { key, layout: channel.upload_layout() })
    }

    /// A state for one thread.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn new_thread_state(&self) -> Result<ThreadState, EncryptionError> {
        let rng = ChaCha12Rng::try_from_os_rng();
        let rng = rng.map_err(|error| EncryptionError::Randomness(error.to_string()))?;
        let degree = self.layout.degree();
        let residues = || vec![0; degree * self.layout.primes().len()];
        let buffers = EncryptionBuffers::new(degree);
        Ok(ThreadState { rng, buffers, polynomials: [residues(), residues()] })
    }

    /// Encrypts one pixel's values, one in each of the first slots.
    ///
    /// # Errors
    /// If there are more values than slots.
    pub fn encrypt(
        &self,
        values: &[u8],
        state: &mut ThreadState,
    ) -> Result<CompactCiphertext, EncryptionError> {
        let ThreadState { rng, buffers, polynomials: [first, second] } = state;
        let seed = match &self.key {
            Key::Public(key) => {
                key.encrypt(values, rng, buffers, first, second)?;
                None
            }
            Key::Secret(key) => {
                // The seed goes to the provider, so it comes from another generator than the errors.
                let seed = rand::rng().random();
                key.encrypt(values, &seed, rng, buffers, first, second)?;
                Some(seed)
            }
        };
        let [first, second] = [first, second].map(|polynomial| self.layout.pack(polynomial));
        Ok(CompactCiphertext { first, second: Some(second), seed })
    }
}
