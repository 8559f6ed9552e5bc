//! Polynomials at the bit width of their primes: how a batch is kept and sent.
//!
//! A polynomial is its residues modulo each of its primes, prime after prime: the values at the evaluation points, in the
//! order of `fhe`'s transform. Residue i of a prime takes the bits from `i * bits` on of that prime's *row*, the lowest
//! first; bit j of a row is bit `j % 8` of byte `j / 8`. The ring degree is a multiple of 8, so rows end with a full byte.

mod kernels;

pub use kernels::Packing;

use crate::parts::{PartsError, Seed};

/// The widest residue: a residue that begins anywhere within a byte lies within 8 bytes. Ciphertext primes have at
/// most 50 bits.
pub const MOST_BITS: u32 = 57;

/// Bytes of so many residues, a multiple of 8.
#[must_use]
pub const fn packed_bytes(residues: usize, bits: u32) -> usize {
    residues * bits as usize / 8
}

/// Bits of the residues modulo a prime.
#[must_use]
pub const fn residue_bits(prime: u64) -> u32 {
    64 - (prime - 1).leading_zeros()
}

/// The primes and the degree of packed polynomials: where each prime's row is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLayout {
    degree: usize,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    prime: u64,
    packing: Packing,
    begin: usize,
    end: usize,
}

impl RowLayout {
    /// Of polynomials with `degree` coefficients modulo each of `primes`.
    ///
    /// # Panics
    /// If a prime has more than [`MOST_BITS`] bits.
    #[must_use]
    pub fn new(degree: usize, primes: &[u64]) -> Self {
        let mut end = 0;
        let row = |&prime: &u64| {
            let (packing, begin) = (Packing::new(residue_bits(prime)), end);
            end = begin + packed_bytes(degree, packing.bits());
            Row { prime, packing, begin, end }
        };
        Self { degree, rows: primes.iter().map(row).collect() }
    }

    /// The ring degree.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// The primes.
    pub fn primes(&self) -> impl ExactSizeIterator<Item = u64> {
        self.rows.iter().map(|row| row.prime)
    }

    /// How the residues modulo the prime of that number are packed.
    #[must_use]
    pub fn packing(&self, prime: usize) -> &Packing {
        &self.rows[prime].packing
    }

    /// Bytes of a polynomial.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rows.last().map_or(0, |row| row.end)
    }

    /// The row of the prime of that number.
    #[must_use]
    pub fn row<'b>(&self, bytes: &'b [u8], prime: usize) -> &'b [u8] {
        &bytes[self.rows[prime].begin..self.rows[prime].end]
    }

    /// Packs residues, prime after prime, each below its prime.
    #[must_use]
    pub fn pack(&self, residues: &[u64]) -> Box<[u8]> {
        let mut bytes = vec![0; self.bytes()].into_boxed_slice();
        for (residues, row) in residues.chunks_exact(self.degree).zip(&self.rows) {
            row.packing.pack(residues, &mut bytes[row.begin..row.end]);
        }
        bytes
    }

    /// The residues, prime after prime.
    #[must_use]
    pub fn unpack(&self, bytes: &[u8]) -> Vec<u64> {
        let mut residues = vec![0; self.rows.len() * self.degree];
        for (residues, row) in residues.chunks_exact_mut(self.degree).zip(&self.rows) {
            row.packing.unpack(&bytes[row.begin..row.end], residues);
        }
        residues
    }

    /// Whether bytes are a polynomial: as many as it takes, and every residue below its prime.
    ///
    /// # Errors
    /// If they are not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), PartsError> {
        if bytes.len() != self.bytes() {
            return Err(PartsError::Bytes { found: bytes.len(), needed: self.bytes() });
        }
        (0..self.rows.len()).try_for_each(|prime| self.check_row(prime, self.row(bytes, prime)))
    }

    /// Whether both polynomials of a ciphertext are such, or the second has a seed.
    ///
    /// # Errors
    /// If they are not.
    pub fn check_ciphertext(&self, ciphertext: &PackedCiphertext) -> Result<(), PartsError> {
        self.check(&ciphertext.first)?;
        match (&ciphertext.second, ciphertext.seed) {
            (Some(second), _) => self.check(second),
            (None, Some(_)) => Ok(()),
            (None, None) => Err(PartsError::Bytes { found: 0, needed: self.bytes() }),
        }
    }

    /// Whether every residue of the row of the prime of that number is below the prime.
    fn check_row(&self, prime: usize, row: &[u8]) -> Result<(), PartsError> {
        let Row { prime, packing, .. } = self.rows[prime];
        match packing.first_at_least(row, prime) {
            None => Ok(()),
            Some((position, found)) => Err(PartsError::Residue { prime, position, found }),
        }
    }
}

/// One pixel under encryption, packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackedCiphertext {
    /// The polynomial that holds the message.
    pub first: Box<[u8]>,
    /// The polynomial that goes with the secret; absent where only its seed is known.
    pub second: Option<Box<[u8]>>,
    /// What the second polynomial is expanded from: it is uniform in a ciphertext that was encrypted with the secret key.
    /// Absent in others, which have a second polynomial.
    pub seed: Option<Seed>,
}

#[cfg(test)]
mod tests;
