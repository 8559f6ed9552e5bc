//! The loops that pack and unpack limbs, in portable Rust, for a width that the compiler knows: it then knows every byte and
//! every shift of a group, which makes the loops three to eight times as fast as for a width that is a variable.

#![expect(
    clippy::indexing_slicing,
    reason = "groups lie within slices whose lengths are checked by `Packing`"
)]

/// Residues of a group.
pub const GROUP: usize = 8;

/// Bytes of a vector, which has room for the windows of any group.
pub const VECTOR: usize = 64;

/// Packs residues below 2^BITS.
pub fn pack<const BITS: usize>(residues: &[u64], bytes: &mut [u8]) {
    let (groups, _) = residues.as_chunks::<GROUP>();
    for (residues, bytes) in groups.iter().zip(bytes.chunks_exact_mut(BITS)) {
        let mut words = [0; GROUP];
        for (index, &residue) in residues.iter().enumerate() {
            let (word, shift) = (index * BITS / 64, index * BITS % 64);
            words[word] |= residue << shift;
            if shift + BITS > 64 {
                words[word + 1] |= residue >> (64 - shift);
            }
        }
        let mut group = [0; VECTOR];
        for (bytes, word) in group.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        bytes.copy_from_slice(&group[..BITS]);
    }
}

/// Unpacks runs of residues, each to the beginning of `stride` numbers.
pub fn unpack_runs<const BITS: usize>(bytes: &[u8], run: usize, output: &mut [u64], stride: usize) {
    let mut group = 0;
    for output in output.chunks_mut(stride) {
        for residues in output[..run].as_chunks_mut::<GROUP>().0 {
            *residues = unpack_group::<BITS>(bytes, group);
            group += 1;
        }
    }
}

/// The first group with a residue that is not below `prime`.
pub fn find_group_at_least<const BITS: usize>(limb: &[u8], prime: u64) -> Option<usize> {
    (0..limb.len() / BITS).find(|&group| {
        let residues = unpack_group::<BITS>(limb, group);
        residues.iter().fold(false, |any, &residue| any | (residue >= prime))
    })
}

#[inline(always)]
fn unpack_group<const BITS: usize>(bytes: &[u8], group: usize) -> [u64; GROUP] {
    let last;
    let bytes = match bytes[group * BITS..].first_chunk::<VECTOR>() {
        Some(bytes) => bytes,
        None => {
            // The last groups of the limb, with zeros behind each.
            let mut padded = [0; VECTOR];
            padded[..BITS].copy_from_slice(&bytes[group * BITS..][..BITS]);
            last = padded;
            &last
        }
    };
    std::array::from_fn(|index| {
        let (byte, shift) = (index * BITS / 8, index * BITS % 8);
        // There are always 8: the last window begins at most 49 bytes behind the group.
        let window = bytes[byte..].first_chunk::<8>().copied().unwrap_or_default();
        u64::from_le_bytes(window) >> shift & ((1 << BITS) - 1)
    })
}
