//! The client's encryption and decryption, with transforms and loops of its own.
//!
//! Keys and ciphertexts are `fhe`'s: with the same samples, ciphertexts equal `fhe`'s bit for bit. Errors and masks are drawn
//! by `fhe`'s sampler, and `fhe` decrypts. The arithmetic between is done here, because `fhe` 0.1.1 transforms without
//! AVX-512, transforms the secret anew for every ciphertext, and transforms more polynomials than are needed.
//!
//! | module | holds |
//! | --- | --- |
//! | `upload` | a channel's pixels as packed ciphertexts |
//! | `secret_key`, `public_key`, `buffers` | encryption |
//! | `decryption`, `noise` | decryption with a measure of the noise |
//! | `sampling` | error polynomials |
//! | `expansion`, `chacha` | uniform polynomials of public seeds |
//! | `slots` | values in slots as message polynomials, and back |
//! | `factor` | constants that products are cheap with |
//! | `kernels` | loops over residues for AVX512-IFMA and for any processor |
//!
//! # Randomness
//!
//! | what | drawn by | from |
//! | --- | --- | --- |
//! | errors, masks | `fhe_util::sample_vec_cbd`, variance 10 | `rand_chacha`'s ChaCha12, seeded by the operating system for every thread and batch |
//! | seeds of uniform polynomials | `rand` | its thread's generator, which the operating system seeds |
//! | uniform polynomials | `expansion`, word for word as in `fhe` | ChaCha8 with the seed's hash as its key: public |
//!
//! # Time
//!
//! | what | constant time |
//! | --- | --- |
//! | loops over residues (`kernels`) | yes: no branch and no address depends on what they compute with |
//! | transforms (`tfhe-ntt`) | no branch in the source of those for these primes depends on values; the crate does not promise it |
//! | values into slots | yes, but for a value that is refused |
//! | the secret's transform and its quotients | yes: they are computed without division |
//! | `fhe`'s sampler and decryption | as `fhe` has it |
//! | the bits of the largest noise, with several primes | no: numbers are compared digit by digit |
//! | uniform polynomials | no: seeds and polynomials are public |
//!
//! # Memory
//!
//! Transformed secrets, errors, masks and messages are zeroed when they are dropped. States of generators and the copies that
//! `fhe` makes on the way are not all zeroed.

mod buffers;
mod chacha;
mod decryption;
mod error;
mod expansion;
mod factor;
mod kernels;
mod noise;
mod public_key;
mod sampling;
mod secret_key;
mod slots;
mod upload;

use buffers::EncryptionBuffers;
pub use decryption::Decryption;
pub use error::EncryptionError;
pub use expansion::expanded;
use public_key::PublicKeyEncryption;
use secret_key::SecretKeyEncryption;
pub use upload::{PixelEncryption, PixelEncryptor};

#[cfg(test)]
mod tests;
