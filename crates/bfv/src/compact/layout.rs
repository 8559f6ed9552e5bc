//! Compact polynomials: where the limbs are, and how they are checked.
//!
//! A polynomial is its residues modulo each of its primes, prime after prime: the values at the evaluation points, in the
//! order of `fhe`'s transform. The residues modulo one prime are a *limb*. Residue i of a limb takes the bits from `i * bits`
//! on, the lowest bit first. Bit j of a limb is bit `j % 8` of byte `j / 8`. The ring degree is a multiple of 8, so a limb ends
//! with a full byte.

use super::bit_packing::{Packing, compact_bytes, residue_bits};
use crate::residues::ResiduesError;
use crate::seed::expansion::Seed;

/// The primes and the degree of compact polynomials, and the bytes of every limb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimbLayout {
    degree: usize,
    limbs: Vec<Limb>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Limb {
    prime: u64,
    packing: Packing,
    begin: usize,
    end: usize,
}

impl LimbLayout {
    /// The layout of polynomials with `degree` coefficients modulo each of `primes`.
    ///
    /// # Panics
    /// If a prime has more than [`MAX_BITS`](super::MAX_BITS) bits.
    #[must_use]
    pub fn new(degree: usize, primes: &[u64]) -> Self {
        let mut end = 0;
        let limb = |&prime: &u64| {
            let (packing, begin) = (Packing::new(residue_bits(prime)), end);
            end = begin + compact_bytes(degree, packing.bits());
            Limb { prime, packing, begin, end }
        };
        Self { degree, limbs: primes.iter().map(limb).collect() }
    }

    /// The ring degree.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The primes.
    pub fn primes(&self) -> impl ExactSizeIterator<Item = u64> {
        self.limbs.iter().map(|limb| limb.prime)
    }

    /// The packing of the residues modulo the prime with the number `prime`, from 0.
    ///
    /// # Panics
    /// If there is no such prime.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a documented panic: callers count the primes of the same layout"
    )]
    pub fn packing(&self, prime: usize) -> &Packing {
        &self.limbs[prime].packing
    }

    /// Bytes of a polynomial.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.limbs.last().map_or(0, |limb| limb.end)
    }

    /// The limb of the prime with the number `prime`, from 0, in the bytes of a polynomial.
    ///
    /// # Panics
    /// If there is no such prime, or the polynomial ends before.
    #[must_use]
    #[expect(
        clippy::indexing_slicing,
        reason = "a documented panic: polynomials are checked when they arrive"
    )]
    pub fn limb<'b>(&self, bytes: &'b [u8], prime: usize) -> &'b [u8] {
        self.limbs[prime].of(bytes)
    }

    /// Packs residues, prime after prime, each below its prime.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "limbs end within the bytes that are made for all of them")]
    pub fn pack(&self, residues: &[u64]) -> Box<[u8]> {
        let mut bytes = vec![0; self.bytes()].into_boxed_slice();
        for (residues, limb) in residues.chunks_exact(self.degree).zip(&self.limbs) {
            limb.packing.pack(residues, &mut bytes[limb.begin..limb.end]);
        }
        bytes
    }

    /// Unpacks a polynomial to its residues, prime after prime.
    ///
    /// # Panics
    /// If the polynomial has fewer bytes than [`bytes`](Self::bytes).
    #[must_use]
    pub fn unpack(&self, bytes: &[u8]) -> Vec<u64> {
        let mut residues = vec![0; self.limbs.len() * self.degree];
        for (residues, limb) in residues.chunks_exact_mut(self.degree).zip(&self.limbs) {
            limb.packing.unpack(limb.of(bytes), residues);
        }
        residues
    }

    /// Checks that bytes are a polynomial: their number is right, and every residue is below its prime.
    ///
    /// # Errors
    /// If there are too few or too many bytes, or a residue is not below its prime.
    pub fn check(&self, bytes: &[u8]) -> Result<(), ResiduesError> {
        if bytes.len() != self.bytes() {
            return Err(ResiduesError::Bytes { found: bytes.len(), needed: self.bytes() });
        }
        self.limbs.iter().try_for_each(|limb| limb.check(bytes))
    }

    /// Checks both polynomials of a ciphertext. A seed may stand for the second.
    ///
    /// # Errors
    /// As [`check`](Self::check), or if the ciphertext has neither a second polynomial nor a seed.
    pub fn check_ciphertext(&self, ciphertext: &CompactCiphertext) -> Result<(), ResiduesError> {
        self.check(&ciphertext.first)?;
        match (&ciphertext.second, ciphertext.seed) {
            (Some(second), _) => self.check(second),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(ResiduesError::Bytes { found: 0, needed: self.bytes() }),
        }
    }
}

impl Limb {
    /// The limb in the bytes of a polynomial.
    #[expect(
        clippy::indexing_slicing,
        reason = "the callers' documented panic: a polynomial has all bytes of its layout"
    )]
    fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.begin..self.end]
    }

    /// Checks that every residue of the limb in the bytes of a polynomial is below the prime.
    fn check(&self, bytes: &[u8]) -> Result<(), ResiduesError> {
        let prime = self.prime;
        match self.packing.find_at_least(self.of(bytes), prime) {
            None => Ok(()),
            Some((position, found)) => Err(ResiduesError::Residue { prime, position, found }),
        }
    }
}

/// One pixel under encryption, in compact form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompactCiphertext {
    /// The polynomial that holds the message.
    pub first: Box<[u8]>,
    /// The polynomial that the secret key is multiplied with. Absent if only its seed is known.
    pub second: Option<Box<[u8]>>,
    /// The seed of the second polynomial, which is uniform in a ciphertext that was encrypted with the secret key. Absent in
    /// other ciphertexts, which have a second polynomial.
    pub seed: Option<Seed>,
}
