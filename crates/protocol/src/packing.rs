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
    for (index, residue) in residues.iter().enumerate() {
        let (byte, shift) = place(index, bits);
        if let Some(window) = bytes[byte..].first_chunk_mut::<8>() {
            *window = (u64::from_le_bytes(*window) | residue << shift).to_le_bytes();
        }
    }
    bytes.truncate(packed_bytes(residues.len(), bits));
}

/// Appends the residues that `bytes` hold. `bytes` gets longer for a moment.
pub fn unpack(bytes: &mut Vec<u8>, bits: u32, residues: &mut Vec<u64>) {
    debug_assert!(bits <= MOST_BITS);
    let (length, mask) = (bytes.len(), (1 << bits) - 1);
    bytes.extend([0; 8]);
    residues.extend((0..length * 8 / bits as usize).map(|index| {
        let (byte, shift) = place(index, bits);
        bytes[byte..].first_chunk::<8>().map_or(0, |window| u64::from_le_bytes(*window) >> shift & mask)
    }));
    bytes.truncate(length);
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
            unpack(&mut bytes, bits, &mut found);
            assert_eq!(found[1..], residues);
        }
    }

    #[test]
    fn a_residue_has_the_bits_of_the_largest() {
        assert_eq!([2, 3, 5, 65_537, (1 << 50) - 27].map(residue_bits), [1, 2, 3, 17, 50]);
    }
}
