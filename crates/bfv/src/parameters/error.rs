//! Reasons for which parameters are refused.

use super::limits::{
    MAX_DEGREE, MAX_PLAINTEXT_BITS, MAX_PLAINTEXT_MODULI, MAX_RANGE_BITS, PRIME_BITS, SECURITY_SOURCE,
};
use crate::engine::error::EngineError;
use crate::packed::PackedLayoutError;
use crate::transform::TransformError;

/// Parameters that are not valid, not secure, or too small.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// The logits do not fit the plaintext moduli.
    #[error(
        "logits of up to {largest} need {bits} bits of plaintext modulus, but {moduli} plaintext moduli of at most \
         {MAX_PLAINTEXT_BITS} bits, {MAX_RANGE_BITS} together, are too small; use smaller weights or fewer pixel levels"
    )]
    Range {
        /// The largest absolute logit.
        largest: i128,
        /// Bits that the logits need.
        bits: u32,
        /// The number of moduli.
        moduli: usize,
    },
    /// The requested plaintext moduli do not hold the logits.
    #[error(
        "the plaintext moduli hold logits of up to {holds}, but the networks' reach {largest}; their product must be \
         more than twice that"
    )]
    Holds {
        /// The largest absolute logit that fits.
        holds: i128,
        /// The largest absolute logit.
        largest: i128,
    },
    /// The noise does not fit the largest secure ciphertext modulus.
    #[error(
        "plaintext moduli of {plaintext_bits} bits need {} of ciphertext modulus, but 128-bit security at ring degree \
         {degree} allows {limit_bits}; use smaller weights{} or fewer pixel levels",
        needed_bits.map_or_else(|| "far more bits".to_owned(), |bits| format!("{bits} bits")),
        if *degree < MAX_DEGREE { ", a larger ring degree" } else { "" },
    )]
    Noise {
        /// Bits of the largest plaintext modulus.
        plaintext_bits: u32,
        /// Bits of ciphertext modulus that the estimate needs, if any number of bits is enough.
        needed_bits: Option<usize>,
        /// The ring degree.
        degree: usize,
        /// Bits that security allows.
        limit_bits: usize,
    },
    /// The noise cannot be estimated for windows of this size on images of this size.
    #[error(
        "windows of {kernel} x {kernel} on images of {image_side} x {image_side} make {pairs} pairs of pixels to estimate \
         the noise of, but at most {limit} can be; use a smaller kernel or smaller images"
    )]
    Windows {
        /// Pixels on a side of the image.
        image_side: usize,
        /// Taps on a side of the kernel.
        kernel: usize,
        /// Pairs of pixels that lie in a common window.
        pairs: usize,
        /// The most pairs for which the noise is estimated.
        limit: usize,
    },
    /// The requested ciphertext primes are too few or too small.
    #[error(
        "ciphertext primes of {found_bits} bits together leave room for {limit_bits} bits of noise over a plaintext \
         modulus of {plaintext_bits} bits, but {needed:.1} must be expected; use more or larger primes"
    )]
    TooSmall {
        /// Bits of the ciphertext modulus.
        found_bits: usize,
        /// Bits of the largest plaintext modulus.
        plaintext_bits: u32,
        /// Whole bits of the largest noise for which decrypted values are trusted.
        limit_bits: usize,
        /// log2 of the expected noise with its margin.
        needed: f64,
    },
    /// The parameters are not 128-bit secure.
    #[error(
        "a ciphertext modulus of {found_bits} bits{} at ring degree {degree} is not 128-bit secure: at most {limit_bits} \
         bits are ({SECURITY_SOURCE})",
        match extra { Some((bits, purpose)) => format!(", {bits} of them for {purpose},"), None => String::new() }
    )]
    Insecure {
        /// Bits of the prime that uploads do not have, which count, and its purpose.
        extra: Option<(usize, &'static str)>,
        /// The ring degree.
        degree: usize,
        /// Bits of the ciphertext modulus.
        found_bits: usize,
        /// Bits that security allows.
        limit_bits: usize,
    },
    /// The ring degree is in none of the tables of secure parameters.
    #[error("the ring degree is {found}, but must be 4096, 8192 or 16384")]
    Degree {
        /// The degree.
        found: usize,
    },
    /// The primes or rotations of packed parameters do not fit together.
    #[error("packed parameters do not fit together: {reason}")]
    PackedChain {
        /// The rule that is broken, and what is allowed.
        reason: String,
    },
    /// Packed evaluation cannot do what was asked for.
    #[error("packed evaluation {refused}; batched evaluation can be used instead")]
    NotPacked {
        /// The missing ability.
        refused: &'static str,
    },
    /// An architecture does not fit in the slots.
    #[error(transparent)]
    PackedLayout(#[from] PackedLayoutError),
    /// The number is no plaintext modulus.
    #[error(
        "{found} is no plaintext modulus at ring degree {degree}: it must be a prime of at most {MAX_PLAINTEXT_BITS} \
         bits, congruent to 1 modulo {}, and occur once", 2 * degree
    )]
    PlaintextModulus {
        /// The number.
        found: u64,
        /// The ring degree.
        degree: usize,
    },
    /// There are too many plaintext moduli, or none.
    #[error(
        "{count} plaintext moduli with a product of {bits:.0} bits, but there must be 1 to {MAX_PLAINTEXT_MODULI} of at most \
         {MAX_RANGE_BITS} bits together"
    )]
    PlaintextModuli {
        /// The number of plaintext moduli.
        count: usize,
        /// log2 of their product.
        bits: f64,
    },
    /// The ciphertext primes have invalid sizes, or there are too few or too many.
    #[error(
        "ciphertext primes of {found:?} bits, but there must be 2 to 8, of {} to {} bits, and more than the \
         {plaintext_bits} bits of the largest plaintext modulus", PRIME_BITS.start(), PRIME_BITS.end()
    )]
    CiphertextPrimes {
        /// Bits of each.
        found: Vec<usize>,
        /// Bits of the largest plaintext modulus.
        plaintext_bits: u32,
    },
    /// The engine cannot evaluate an ensemble under any such parameters.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The number of primes that hidden units keep is invalid.
    #[error("hidden units keep {found} of {upload} ciphertext primes, but must keep 1 to {}", upload - 1)]
    HiddenPrimes {
        /// The number of primes.
        found: usize,
        /// Primes of an upload.
        upload: usize,
    },
    /// A modulus has no number-theoretic transform, or a wrong one.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// The `fhe` crate refused the parameters.
    #[error("the encryption library refused the parameters")]
    Fhe(#[from] fhe::Error),
}
