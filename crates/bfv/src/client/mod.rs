//! The client's side: everything that holds or needs a secret key.
//!
//! Keys and ciphertexts are `fhe`'s: with the same samples, ciphertexts equal `fhe`'s bit for bit. Errors and masks are drawn
//! by `fhe`'s sampler, and `fhe` decrypts. The arithmetic between is done here, because `fhe` 0.1.1 transforms without
//! AVX-512, transforms the secret anew for every ciphertext, and transforms more polynomials than are needed.
//!
//! Provider-side modules never import from here, so no type of theirs can hold a secret key.
//!
//! | module | holds |
//! | --- | --- |
//! | `key` | the client's keys: encryption of batches, decryption of logits |
//! | `pixel_encryption` | images by pixel, and pixels as compact ciphertexts |
//! | `secret_key_encryption`, `public_key_encryption` | encryption with either key, and the secret key at the evaluation points |
//! | `buffers` | memory for encryption, and error polynomials |
//! | `decryption` | decryption of one level, and decrypted logits |
//! | `noise_meter` | the noise of a ciphertext with a known message |
//! | `packed_noise_measurement` | the noise of a packed evaluation, step by step |
//! | `noise_measurement` | the noise of an evaluation, stage by stage, beside its prediction |
//!
//! # Randomness
//!
//! | what | drawn by | from |
//! | --- | --- | --- |
//! | errors, masks | `fhe_util::sample_vec_cbd`, variance 10 | `rand_chacha`'s ChaCha12, seeded by the operating system for every thread and batch |
//! | seeds of uniform polynomials | `rand` | its thread's generator, which the operating system seeds |
//! | uniform polynomials | `seed::expansion`, word for word as in `fhe` | ChaCha8 with the seed's hash as its key: public |
//!
//! # Time
//!
//! | what | constant time |
//! | --- | --- |
//! | loops over residues (`shoup`) | yes: no branch and no address depends on what they compute with |
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
mod decryption;
mod key;
mod noise_measurement;
#[cfg(test)]
mod noise_measurement_tests;
mod noise_meter;
mod packed_noise_measurement;
#[cfg(test)]
mod packed_noise_measurement_tests;
mod pixel_encryption;
mod public_key_encryption;
mod secret_key_encryption;
#[cfg(test)]
mod tests;

pub use decryption::DecryptedLogits;
pub use key::ClientKey;
pub use noise_measurement::{
    MeasureError, NoiseExperiment, NoiseMeasurement, RUN_COEFFICIENTS, measure_stages,
};
pub use packed_noise_measurement::measure_packed_stages;
