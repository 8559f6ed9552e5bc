//! Numbers that every choice of parameters keeps to, and their reasons.

use std::ops::RangeInclusive;

/// The paper's ring degree: 8192 slots.
pub const PAPER_DEGREE: usize = 8192;

/// The most bits of the ciphertext modulus at 128 bits of classical security, by ring degree.
///
/// The tables are for ternary secrets. `fhe`'s secrets are wider, which only adds security.
pub const SECURITY_LIMITS: [(usize, usize); 3] = [(4096, 106), (8192, 214), (MAX_DEGREE, 430)];

/// The source of [`SECURITY_LIMITS`].
pub const SECURITY_SOURCE: &str = "Bossuat et al. 2024, Security Guidelines for Implementing Homomorphic Encryption: the \
     stricter of the published tables";

/// The largest ring degree.
pub(crate) const MAX_DEGREE: usize = 16_384;

/// The sizes of ciphertext primes in bits. Smaller sizes have too few primes congruent to 1 modulo 2N. Two residues of a
/// larger prime have no product in vectors of 52-bit integers (docs/engine.md).
pub(crate) const PRIME_BITS: RangeInclusive<usize> = 24..=50;

/// The number of ciphertext primes of an upload.
pub(crate) const UPLOAD_PRIMES: RangeInclusive<usize> = 2..=8;

/// The most bits of a plaintext modulus: it stays below every ciphertext prime.
pub(crate) const MAX_PLAINTEXT_BITS: u32 = 49;

/// The most bits of a product of plaintext moduli: sums in the Chinese remainder theorem stay below 127 bits.
pub(crate) const MAX_RANGE_BITS: u32 = 120;

/// The most plaintext moduli.
pub(crate) const MAX_PLAINTEXT_MODULI: usize = 8;

/// Bits of room for noise, log2(Q / 2t), that an answer keeps when it is switched down. The switch itself leaves less than
/// 11 bits of noise (10 standard deviations at N = 16384).
pub(crate) const ANSWER_ROOM_BITS: f64 = 14.0;

/// The variance of `fhe`'s secrets and errors for the parameters that its builder makes: centred binomial, the difference of
/// two sums of 20 random bits each. Their coefficients are at most 20 in absolute value.
pub(crate) const ERROR_VARIANCE: usize = 10;
