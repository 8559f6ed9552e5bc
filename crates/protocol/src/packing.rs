//! Residues at the bit width of their prime.
//!
//! Residue i takes the bits from `i * bits` on, the lowest first; bit j of the stream is bit `j % 8` of byte `j / 8`. The
//! number of residues is a multiple of 8, so that the last byte is full.

/// The widest residue: a residue that begins anywhere within a byte lies within 8 bytes. Ciphertext primes have at
/// most 53 bits.
pub const MOST_BITS: u32 = 57;

/// Bytes of so many residues.
pub const fn packed_bytes(residues: usize, bits: u32) -> usize {
    residues * bits as usize / 8
}

/// Bits of the residues modulo a prime.
pub const fn residue_bits(prime: u64) -> u32 {
    64 - (prime - 1).leading_zeros()
}

/// Packs residues that have at most `bits` bits into `bytes`.
pub fn pack(residues: &[u64], bits: u32, bytes: &mut Vec<u8>) {
    debug_assert!(bits <= MOST_BITS && residues.len().is_multiple_of(8));
    bytes.clear();
    // The last residue's 8 bytes reach beyond the end.
    bytes.resize(packed_bytes(residues.len(), bits) + 8, 0);
    // Bits of earlier residues in the byte where the next begins: reading them back would wait for their writing.
    let mut earlier = 0;
    for (index, residue) in residues.iter().enumerate() {
        let (byte, shift) = place(index, bits);
        let window = earlier | residue << shift;
        if let Some(place) = bytes[byte..].first_chunk_mut::<8>() {
            *place = window.to_le_bytes();
        }
        // Without the bytes that are full, which can be all eight.
        earlier = window.checked_shr((shift + bits) / 8 * 8).unwrap_or(0);
    }
    bytes.truncate(packed_bytes(residues.len(), bits));
}

/// Appends the residues that `bytes` hold.
fn unpack(bytes: &[u8], bits: u32, residues: &mut Vec<u64>) {
    debug_assert!(bits <= MOST_BITS);
    let mask = (1 << bits) - 1;
    residues.extend((0..bytes.len() * 8 / bits as usize).map(|index| {
        let (byte, shift) = place(index, bits);
        let rest = &bytes[byte..];
        let window = rest.first_chunk::<8>().copied().unwrap_or_else(|| {
            // The last residue's 8 bytes reach beyond the end.
            let mut window = [0; 8];
            window[..rest.len()].copy_from_slice(rest);
            window
        });
        u64::from_le_bytes(window) >> shift & mask
    }));
}

/// A polynomial's residues as they came: modulo each of its primes, of which none has been compared with its prime.
pub struct PackedPolynomial<'p> {
    bytes: Vec<u8>,
    primes: &'p [u64],
    degree: usize,
}

impl<'p> PackedPolynomial<'p> {
    /// Of the bytes of `degree` residues modulo each of `primes`.
    pub fn new(bytes: Vec<u8>, primes: &'p [u64], degree: usize) -> Self {
        Self { bytes, primes, degree }
    }

    /// The residues, prime after prime.
    pub fn unpack(self) -> Vec<u64> {
        let mut residues = Vec::with_capacity(self.primes.len() * self.degree);
        let mut rest = &self.bytes[..];
        for &prime in self.primes {
            let bits = residue_bits(prime);
            let (row, behind) = rest.split_at(packed_bytes(self.degree, bits));
            unpack(row, bits, &mut residues);
            rest = behind;
        }
        residues
    }
}

/// The byte in which a residue begins, and the bit of it.
fn place(index: usize, bits: u32) -> (usize, u32) {
    let bit = index * bits as usize;
    (bit / 8, bit as u32 % 8)
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn residues_of_every_width_come_back_from_the_bytes_of_their_definition() {
        let mut rng = rand::rng();
        for bits in 1..=MOST_BITS {
            let largest = (1u64 << bits) - 1;
            let mut residues: Vec<u64> = (0..64).map(|_| rng.random_range(0..=largest)).collect();
            residues[..3].copy_from_slice(&[largest, 0, largest]);
            residues[63] = largest;
            let mut bytes = vec![9; 5];
            pack(&residues, bits, &mut bytes);
            assert_eq!(bytes.len(), packed_bytes(64, bits));
            let bit = |index: usize| u64::from(bytes[index / 8] >> (index % 8) & 1);
            let width = bits as usize;
            for (index, &residue) in residues.iter().enumerate() {
                let found: u64 = (0..width).map(|place| bit(index * width + place) << place).sum();
                assert_eq!(found, residue, "{bits} bits");
            }
            let mut found = vec![1];
            unpack(&bytes, bits, &mut found);
            assert_eq!(found[1..], residues);
        }
    }

    #[test]
    fn a_residue_has_the_bits_of_the_largest() {
        assert_eq!([2, 3, 5, 65_537, (1 << 50) - 27].map(residue_bits), [1, 2, 3, 17, 50]);
    }
}
