//! Polynomials of `fhe` as plain residues, and back.
//!
//! `fhe` 0.1.1 reads ciphertexts and keys from bytes without checking their degree, their representation or the range of their
//! residues. So bytes from outside are never handed to `fhe`: residues are checked here, and polynomials are made of checked
//! residues.
//!
//! A polynomial is its residues modulo every ciphertext prime that its level keeps, prime after prime, N of each: the values
//! at the evaluation points, in the order of `fhe`'s transform. A uniform polynomial can be a [`Seed`](crate::Seed) instead,
//! which `fhe` expands.

use std::borrow::Cow;
use std::sync::Arc;

use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Context, Poly, Representation};

/// Residues that make no polynomial, no ciphertext or no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResiduesError {
    /// There are too few or too many residues.
    #[error("a polynomial of {found} residues, but the parameters ask for {needed}")]
    Length {
        /// Residues found.
        found: usize,
        /// Residues of all primes that the level keeps.
        needed: usize,
    },
    /// There are too few or too many bytes.
    #[error("a compact polynomial of {found} bytes, but the parameters ask for {needed}")]
    Bytes {
        /// Bytes found.
        found: usize,
        /// Bytes of the rows of all primes that the level keeps.
        needed: usize,
    },
    /// A residue is not below its prime.
    #[error("residue {position} modulo the prime {prime} is {found}, but must be below the prime")]
    Residue {
        /// The prime.
        prime: u64,
        /// The position among the prime's residues, from 0.
        position: usize,
        /// The residue.
        found: u64,
    },
    /// A relinearisation key or a rotation's key has too few or too many polynomials.
    #[error("a key of {found} polynomials, but the parameters ask for {needed}")]
    Digits {
        /// Polynomials found.
        found: usize,
        /// One for each ciphertext prime.
        needed: usize,
    },
    /// A batch encrypts no pixels, or an answer has no classes.
    #[error("there is no ciphertext")]
    Empty,
    /// Keys of rotations are for packed parameters only.
    #[error("the parameters are for batched evaluation, which has no keys of rotations")]
    NotPacked,
    /// `fhe` gives no seed of the key.
    #[error("the key's uniform half has no seed")]
    NoSeed,
    /// The `fhe` crate refused the residues.
    #[error("the encryption library refused the residues of a key or ciphertext")]
    Fhe(#[from] fhe::Error),
}

/// Checks residues, and makes a polynomial of them.
///
/// # Errors
/// If there are too few or too many residues, or a residue is not below its prime.
pub fn checked_polynomial(
    residues: Vec<u64>,
    context: &Arc<Context>,
    degree: usize,
    representation: Representation,
) -> Result<Poly, ResiduesError> {
    check_residues(&residues, context.moduli(), degree)?;
    Ok(public_polynomial(residues, context, representation)?)
}

/// A polynomial of residues that are known to be below their primes.
///
/// # Errors
/// If there are too few or too many residues.
pub fn public_polynomial(
    residues: Vec<u64>,
    context: &Arc<Context>,
    representation: Representation,
) -> Result<Poly, fhe::Error> {
    // Keys and ciphertexts that a provider has are public: their operations need not take constant time.
    Ok(Poly::try_convert_from(residues, context, true, representation)?)
}

/// Checks that there are N residues modulo every prime, each below the prime.
///
/// # Errors
/// If there are too few or too many residues, or a residue is not below its prime.
pub fn check_residues(residues: &[u64], primes: &[u64], degree: usize) -> Result<(), ResiduesError> {
    let needed = primes.len() * degree;
    if residues.len() != needed {
        return Err(ResiduesError::Length { found: residues.len(), needed });
    }
    for (values, &prime) in residues.chunks_exact(degree).zip(primes) {
        if let Some((position, &found)) = values.iter().enumerate().find(|(_, residue)| **residue >= prime) {
            return Err(ResiduesError::Residue { prime, position, found });
        }
    }
    Ok(())
}

/// The residues of a polynomial of `fhe`.
pub fn residues(polynomial: &Poly) -> Cow<'_, [u64]> {
    let coefficients = polynomial.coefficients();
    // `fhe` keeps them in one piece.
    match coefficients.to_slice() {
        Some(residues) => Cow::Borrowed(residues),
        None => Cow::Owned(coefficients.iter().copied().collect()),
    }
}
