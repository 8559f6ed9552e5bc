//! Keys and ciphertexts as plain residues: what a wire format writes and reads.
//!
//! `fhe` 0.1.1 reads ciphertexts and keys of bytes without a look at their degree, their representation or the range
//! of their residues. So nothing that comes from outside is handed to it as bytes: residues are checked here, and
//! polynomials made of them afterwards.
//!
//! A polynomial is its residues modulo every ciphertext prime that its level keeps, prime after prime, N of each: the
//! values at the evaluation points, in the order of `fhe`'s transform. A uniform polynomial can be a [`Seed`] instead,
//! which `fhe` expands.

mod ciphertext;
mod key;

use std::borrow::Cow;
use std::sync::Arc;

use fhe_math::rq::traits::TryConvertFrom;
use fhe_math::rq::{Context, Poly, Representation};

pub use ciphertext::CiphertextParts;
pub(crate) use ciphertext::{packed, pixels};
pub use key::KeyParts;

/// What a uniform polynomial is expanded from.
pub type Seed = [u8; 32];

/// Residues that make no polynomial, or parts that make no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PartsError {
    /// Too few or too many residues.
    #[error("a polynomial of {found} residues, but the parameters ask for {needed}")]
    Length {
        /// Residues found.
        found: usize,
        /// Residues of all primes that the level keeps.
        needed: usize,
    },
    /// Too few or too many bytes.
    #[error("a packed polynomial of {found} bytes, but the parameters ask for {needed}")]
    Bytes {
        /// Bytes found.
        found: usize,
        /// Bytes of the rows of all primes that the level keeps.
        needed: usize,
    },
    /// A residue that its prime should have reduced.
    #[error("residue {position} modulo the prime {prime} is {found}, but must be below the prime")]
    Residue {
        /// The prime.
        prime: u64,
        /// Where among the prime's residues, from 0.
        position: usize,
        /// The residue.
        found: u64,
    },
    /// A relinearisation key of too few or too many polynomials.
    #[error("a relinearisation key of {found} polynomials, but the parameters ask for {needed}")]
    Digits {
        /// Polynomials found.
        found: usize,
        /// One for each ciphertext prime.
        needed: usize,
    },
    /// A batch that encrypts no pixels, or an answer without classes.
    #[error("there is no ciphertext")]
    Empty,
    /// A key that `fhe` gives no seed of.
    #[error("the key's uniform half has no seed")]
    NoSeed,
    /// The `fhe` crate refused the parts.
    #[error("the encryption library refused the parts of a key or ciphertext")]
    Fhe(#[from] fhe::Error),
}

/// A polynomial of checked residues.
fn polynomial(
    residues: Vec<u64>,
    context: &Arc<Context>,
    degree: usize,
    representation: Representation,
) -> Result<Poly, PartsError> {
    check_residues(&residues, context.moduli(), degree)?;
    // What goes over a wire is public: its operations need not take constant time.
    Ok(Poly::try_convert_from(residues, context, true, representation).map_err(fhe::Error::from)?)
}

/// Whether there are residues modulo every prime, each below it.
fn check_residues(residues: &[u64], primes: &[u64], degree: usize) -> Result<(), PartsError> {
    let needed = primes.len() * degree;
    if residues.len() != needed {
        return Err(PartsError::Length { found: residues.len(), needed });
    }
    for (values, &prime) in residues.chunks_exact(degree).zip(primes) {
        if let Some(position) = values.iter().position(|&residue| residue >= prime) {
            return Err(PartsError::Residue { prime, position, found: values[position] });
        }
    }
    Ok(())
}

/// The residues of a polynomial of `fhe`'s.
pub(crate) fn residues(polynomial: &Poly) -> Cow<'_, [u64]> {
    let coefficients = polynomial.coefficients();
    // `fhe` keeps them in one piece.
    match coefficients.to_slice() {
        Some(residues) => Cow::Borrowed(residues),
        None => Cow::Owned(coefficients.iter().copied().collect()),
    }
}

#[cfg(test)]
mod tests;
