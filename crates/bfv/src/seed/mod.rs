//! Uniform polynomials from public seeds, as `fhe` expands them.
//!
//! A ciphertext that was encrypted with the secret key, and every key, has one uniform polynomial. Its 32-byte seed is sent in
//! its place. `expansion` expands seeds to residues, with words from the ChaCha8 key streams of `chacha`.

pub(crate) mod chacha;
pub(crate) mod expansion;

pub use expansion::Seed;
