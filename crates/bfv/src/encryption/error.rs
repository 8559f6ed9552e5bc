//! Errors of encryption and decryption.

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
