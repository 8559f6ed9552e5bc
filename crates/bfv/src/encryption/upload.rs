//! Pixels as packed ciphertexts, encrypted with the key that the parameters were chosen for.

use fhe::bfv::{PublicKey, SecretKey};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{EncryptionBuffers, EncryptionError, PublicKeyEncryption, SecretKeyEncryption};
use crate::Encryption;
use crate::packed::{PackedCiphertext, RowLayout};
use crate::parameters::Channel;

/// Encrypts one channel's pixels.
pub struct PixelEncryption {
    key: Key,
    layout: RowLayout,
}

enum Key {
    Public(Box<PublicKeyEncryption>),
    Secret(Box<SecretKeyEncryption>),
}

/// Memory of one thread that encrypts, and its generator of masks and errors.
pub struct PixelEncryptor {
    /// ChaCha12, seeded by the operating system.
    rng: ChaCha12Rng,
    buffers: EncryptionBuffers,
    /// The residues of a ciphertext's two polynomials.
    polynomials: [Vec<u64>; 2],
}

impl PixelEncryption {
    /// For the channel's keys, one of which encrypts.
    ///
    /// # Errors
    /// If that key does not belong to the channel.
    pub fn new(
        channel: &Channel,
        encryption: Encryption,
        secret: &SecretKey,
        public: &PublicKey,
    ) -> Result<Self, EncryptionError> {
        let key = match encryption {
            Encryption::PublicKey => Key::Public(Box::new(PublicKeyEncryption::new(channel, public)?)),
            Encryption::SecretKey => Key::Secret(Box::new(SecretKeyEncryption::new(channel, secret)?)),
        };
        Ok(Self { key, layout: channel.upload_layout() })
    }

    /// An encryptor of a thread of its own.
    ///
    /// # Errors
    /// If the operating system gives no randomness.
    pub fn encryptor(&self) -> Result<PixelEncryptor, EncryptionError> {
        let rng = ChaCha12Rng::try_from_os_rng();
        let rng = rng.map_err(|error| EncryptionError::Randomness(error.to_string()))?;
        let degree = self.layout.degree();
        let residues = || vec![0; degree * self.layout.primes().len()];
        let buffers = EncryptionBuffers::new(degree);
        Ok(PixelEncryptor { rng, buffers, polynomials: [residues(), residues()] })
    }

    /// Encrypts one pixel's values, one in each of the first slots.
    ///
    /// # Errors
    /// If there are more than slots.
    pub fn encrypt(
        &self,
        values: &[u8],
        encryptor: &mut PixelEncryptor,
    ) -> Result<PackedCiphertext, EncryptionError> {
        let PixelEncryptor { rng, buffers, polynomials: [first, second] } = encryptor;
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
        Ok(PackedCiphertext { first, second: Some(second), seed })
    }
}
