//! Why there are no parameters.

use super::crt::{MOST_MODULI, MOST_PLAINTEXT_BITS, MOST_RANGE_BITS};
use super::{LARGEST_DEGREE, PRIME_BITS, SECURITY_SOURCE};

/// Parameters that do not exist, are not secure, or are too small.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParametersError {
    /// The logits do not fit the plaintext moduli.
    #[error(
        "logits of up to {largest} need {bits} bits of plaintext modulus, which {moduli} plaintext moduli of at most \
         {MOST_PLAINTEXT_BITS} bits, {MOST_RANGE_BITS} together, do not have; use smaller weights or fewer pixel levels"
    )]
    Range {
        /// The largest absolute logit.
        largest: i128,
        /// Bits that would be needed.
        bits: u32,
        /// How many moduli were tried.
        moduli: usize,
    },
    /// Plaintext moduli that were asked for do not hold the logits.
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
        if *degree < LARGEST_DEGREE { ", a larger ring degree" } else { "" },
    )]
    Noise {
        /// Bits of the largest plaintext modulus.
        plaintext_bits: u32,
        /// Bits of ciphertext modulus that the estimate asks for, if any that is tried is enough.
        needed_bits: Option<usize>,
        /// The ring degree.
        degree: usize,
        /// Bits that security allows.
        limit_bits: usize,
    },
    /// An image and windows for which the noise cannot be estimated.
    #[error(
        "windows of {kernel} x {kernel} on images of {image_side} x {image_side} make {pairs} pairs of pixels to estimate \
         the noise of, but at most {most} can be; use a smaller kernel or smaller images"
    )]
    Windows {
        /// Pixels on a side of the image.
        image_side: usize,
        /// Taps on a side of the kernel.
        kernel: usize,
        /// Pairs of pixels that may meet.
        pairs: usize,
        /// The most that are looked at.
        most: usize,
    },
    /// Ciphertext primes that were asked for are too few or too small.
    #[error(
        "ciphertext primes of {found_bits} bits together leave room for {limit_bits} bits of noise over a plaintext \
         modulus of {plaintext_bits} bits, but {needed:.1} must be expected; use more or larger primes"
    )]
    TooSmall {
        /// Bits of the ciphertext modulus.
        found_bits: usize,
        /// Bits of the largest plaintext modulus.
        plaintext_bits: u32,
        /// Whole bits of noise that decrypted values are trusted with.
        limit_bits: usize,
        /// log2 of the expected noise with its margin.
        needed: f64,
    },
    /// The parameters are not 128-bit secure.
    #[error(
        "a ciphertext modulus of {found_bits} bits{} at ring degree {degree} is not 128-bit secure: at most {limit_bits} \
         bits are ({SECURITY_SOURCE})",
        if *encryption_bits > 0 { format!(", {encryption_bits} of them for public-key encryption,") } else { String::new() }
    )]
    Insecure {
        /// Bits of the encryption prime, which counts; none with the secret key.
        encryption_bits: usize,
        /// The ring degree.
        degree: usize,
        /// Bits of the ciphertext modulus.
        found_bits: usize,
        /// Bits that security allows.
        limit_bits: usize,
    },
    /// A ring degree that no table of secure parameters lists.
    #[error("the ring degree is {found}, but must be 4096, 8192 or 16384")]
    Degree {
        /// The degree.
        found: usize,
    },
    /// A number that is no plaintext modulus.
    #[error(
        "{found} is no plaintext modulus at ring degree {degree}: it must be a prime of at most {MOST_PLAINTEXT_BITS} \
         bits, 1 modulo {}, and be there once", 2 * degree
    )]
    PlaintextModulus {
        /// The number.
        found: u64,
        /// The ring degree.
        degree: usize,
    },
    /// Too many plaintext moduli, or none.
    #[error(
        "{count} plaintext moduli with a product of {bits:.0} bits, but there must be 1 to {MOST_MODULI} of at most \
         {MOST_RANGE_BITS} bits together"
    )]
    PlaintextModuli {
        /// How many.
        count: usize,
        /// log2 of their product.
        bits: f64,
    },
    /// Sizes of ciphertext primes that do not work.
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
    Engine(#[from] crate::PlanError),
    /// A number of primes that hidden units cannot keep.
    #[error("hidden units keep {found} of {upload} ciphertext primes, but must keep 1 to {}", upload - 1)]
    HiddenPrimes {
        /// How many.
        found: usize,
        /// Primes of an upload.
        upload: usize,
    },
    /// A modulus has no number-theoretic transform, or a wrong one.
    #[error(transparent)]
    Transform(#[from] crate::TransformError),
    /// The `fhe` crate refused the parameters.
    #[error("the encryption library refused the parameters")]
    Fhe(#[from] fhe::Error),
}
