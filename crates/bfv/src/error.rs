//! Errors of encryption, evaluation and decryption.

/// A batch that could not be encrypted, evaluated or decrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BfvError {
    /// More images than slots, or none.
    #[error("{found} images in a batch, but the parameters allow 1 to {slots}")]
    BatchSize {
        /// Images given.
        found: usize,
        /// Slots of a ciphertext.
        slots: usize,
    },
    /// The images are not whole.
    #[error("{bytes} pixel values are not whole images of {pixels} pixels")]
    ImageSize {
        /// Values given.
        bytes: usize,
        /// Pixels of an image.
        pixels: usize,
    },
    /// A batch of other images than the network reads.
    #[error("the batch encrypts images of {found} pixels, but the network reads {needed}")]
    Pixels {
        /// Ciphertexts in the batch.
        found: usize,
        /// Pixels that the network reads.
        needed: usize,
    },
    /// An answer, or a batch, of other parameters.
    #[error("ciphertexts modulo {found} plaintext moduli, but the key is for {needed}")]
    Channels {
        /// Channels of the ciphertexts.
        found: usize,
        /// Channels of the key.
        needed: usize,
    },
    /// A batch over another ring.
    #[error("the batch was encrypted under another ring degree or other ciphertext primes than the key's")]
    Ring,
    /// The noise has reached the plaintext, so the decrypted values mean nothing.
    #[error(
        "the noise budget is exhausted: {noise_bits} bits of noise where {limit_bits} are the limit, so the \
         decrypted logits cannot be trusted; the parameters are too small for these weights"
    )]
    NoiseExhausted {
        /// Largest noise found, in bits.
        noise_bits: usize,
        /// Where decryption fails, in bits.
        limit_bits: usize,
    },
    /// The observer of the work cancelled it.
    #[error("the work was cancelled")]
    Cancelled,
    /// Values could not be encrypted, or a ciphertext not decrypted.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// The `fhe` crate refused an operation.
    #[error("the encryption library refused an operation")]
    Fhe(#[from] fhe::Error),
}

/// Values that could not be encrypted, or a ciphertext that could not be decrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncryptionError {
    /// More values than slots.
    #[error("{found} values for one ciphertext, but it has {slots} slots")]
    Slots {
        /// Values given.
        found: usize,
        /// Slots of a ciphertext.
        slots: usize,
    },
    /// A value that the plaintext modulus should have reduced. Which one is not said, because values are secret.
    #[error("a value is not below the plaintext modulus {modulus}")]
    Value {
        /// The plaintext modulus.
        modulus: u64,
    },
    /// A ciphertext of another level or with more than two polynomials.
    #[error(
        "a ciphertext of {parts} polynomials modulo {primes} primes, but 2 polynomials modulo {needed} are decrypted here"
    )]
    Ciphertext {
        /// Polynomials of the ciphertext.
        parts: usize,
        /// Its primes.
        primes: usize,
        /// Primes at the level.
        needed: usize,
    },
    /// A key of other parameters.
    #[error("the key does not belong to the parameters")]
    Key,
    /// The operating system has no randomness.
    #[error("the operating system gives no randomness for encryption: {0}")]
    Randomness(String),
    /// The `fhe` crate refused an operation.
    #[error("the encryption library refused an operation")]
    Fhe(#[from] fhe::Error),
}
