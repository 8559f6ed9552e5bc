//! Errors of encryption, evaluation and decryption.

use crate::engine::EngineError;
use crate::packed::PackedLayoutError;
use crate::residues::ResiduesError;

/// A batch that could not be encrypted, evaluated or decrypted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BfvError {
    /// There are more images than slots, or none.
    #[error("{found} images in a batch, but the parameters allow 1 to {slots}")]
    BatchSize {
        /// Images given.
        found: usize,
        /// Slots of a ciphertext.
        slots: usize,
    },
    /// The last image is incomplete.
    #[error("{bytes} pixel values are not whole images of {pixels} pixels")]
    ImageSize {
        /// Values given.
        bytes: usize,
        /// Pixels of an image.
        pixels: usize,
    },
    /// The batch has images of another size than the network reads.
    #[error("the batch encrypts images of {found} pixels, but the network reads {needed}")]
    Pixels {
        /// Ciphertexts in the batch.
        found: usize,
        /// Pixels that the network reads.
        needed: usize,
    },
    /// Batched and packed evaluation have different keys and ciphertexts.
    #[error("the parameters are for {parameters} evaluation, but this operation is {needed}")]
    Packing {
        /// The kind of evaluation that the parameters are for.
        parameters: &'static str,
        /// The kind of evaluation that the operation belongs to.
        needed: &'static str,
    },
    /// The residues of a key cannot be used.
    #[error(transparent)]
    Residues(#[from] ResiduesError),
    /// An answer or a batch was encrypted for other parameters.
    #[error("ciphertexts modulo {found} plaintext moduli, but the key is for {needed}")]
    Channels {
        /// Channels of the ciphertexts.
        found: usize,
        /// Channels of the key.
        needed: usize,
    },
    /// The batch was encrypted over another ring.
    #[error("the batch was encrypted under another ring degree or other ciphertext primes than the key's")]
    Ring,
    /// A ciphertext lacks a polynomial, or a polynomial lacks residues.
    #[error(
        "a ciphertext is incomplete: it needs two polynomials, or one and a seed, with residues modulo every prime"
    )]
    Incomplete,
    /// The noise has reached the plaintext, so the decrypted values mean nothing.
    #[error(
        "the noise budget is exhausted: {noise_bits} bits of noise where {limit_bits} are the limit, so the \
         decrypted logits cannot be trusted; the parameters are too small for these weights"
    )]
    NoiseExhausted {
        /// Bits of the largest noise.
        noise_bits: usize,
        /// Bits of noise at which decryption fails.
        limit_bits: usize,
    },
    /// A network's pixels or logits do not fit in the slots.
    #[error(transparent)]
    Layout(#[from] PackedLayoutError),
    /// The engine refused a value.
    #[error(transparent)]
    Engine(#[from] EngineError),
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
    /// A value is not below the plaintext modulus. The error does not contain it, because values are secret.
    #[error("a value is not below the plaintext modulus {modulus}")]
    Value {
        /// The plaintext modulus.
        modulus: u64,
    },
    /// The ciphertext is at another level or has more than two polynomials.
    #[error(
        "a ciphertext of {parts} polynomials modulo {primes} primes, but decryption takes 2 polynomials modulo {needed} primes"
    )]
    Ciphertext {
        /// Polynomials of the ciphertext.
        parts: usize,
        /// Its primes.
        primes: usize,
        /// Primes at the level.
        needed: usize,
    },
    /// The key belongs to other parameters.
    #[error("the key does not belong to the parameters")]
    Key,
    /// The operating system has no randomness.
    #[error("the operating system gives no randomness for encryption: {0}")]
    Randomness(String),
    /// The `fhe` crate refused an operation.
    #[error("the encryption library refused an operation")]
    Fhe(#[from] fhe::Error),
}
