//! Comparisons of every kernel with the definition of the compact form.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::loops::GROUP;
use super::{LimbLayout, MAX_BITS, Packing, compact_bytes, residue_bits};
use crate::kernel::Kernel;
use crate::residues::ResiduesError;

/// Packs by definition: bit j of a limb is bit `j % 8` of byte `j / 8`, and residue i takes the bits from `i * bits` on, the lowest
/// first.
fn defined(residues: &[u64], bits: u32) -> Vec<u8> {
    let mut bytes = vec![0; compact_bytes(residues.len(), bits)];
    for (index, residue) in residues.iter().enumerate() {
        for place in 0..bits as usize {
            let bit = index * bits as usize + place;
            bytes[bit / 8] |= ((residue >> place & 1) as u8) << (bit % 8);
        }
    }
    bytes
}

/// Residues of which many are 0 or the largest.
fn random_residues(groups: usize, bits: u32, seed: u64) -> Vec<u64> {
    let (mut rng, largest) = (StdRng::seed_from_u64(seed), (1u64 << bits) - 1);
    let mut residue = || match rng.random_range(0..4) {
        0 => largest,
        1 => 0,
        _ => rng.random_range(0..=largest),
    };
    (0..groups * GROUP).map(|_| residue()).collect()
}

fn packings(bits: u32) -> impl Iterator<Item = Packing> {
    Kernel::available().into_iter().map(move |kernel| Packing::with_kernel(bits, kernel))
}

fn assert_defined(groups: usize, bits: u32, seed: u64) {
    let residues = random_residues(groups, bits, seed);
    let bytes = defined(&residues, bits);
    for packing in packings(bits) {
        // The bytes around the limb do not change.
        let mut around = vec![0xa5; 64 + bytes.len() + 64];
        let row = 64..64 + bytes.len();
        packing.pack(&residues, &mut around[row.clone()]);
        assert!(around[row.clone()] == bytes, "{packing:?}");
        assert!(
            around[..row.start].iter().chain(&around[row.end..]).all(|&byte| byte == 0xa5),
            "{packing:?}"
        );
        // The bytes around the limb do not matter: a separate allocation has only the limb.
        for row in [&around[row], &bytes.clone().into_boxed_slice()] {
            let mut found = vec![7; residues.len()];
            packing.unpack(row, &mut found);
            assert!(found == residues, "{packing:?}");
        }
        for first in [0, groups / 2 * GROUP, groups.saturating_sub(1) * GROUP] {
            let mut found = [9; 2 * GROUP];
            let found = &mut found[..(2 * GROUP).min(residues.len() - first)];
            packing.unpack_from(&bytes, first, found);
            assert!(*found == residues[first..first + found.len()], "{packing:?}");
        }
    }
}

#[test]
fn every_kernel_packs_and_unpacks_every_width_as_it_is_defined() {
    for bits in 1..=MAX_BITS {
        for groups in [0, 1, 2, 3, 8, 33] {
            assert_defined(groups, bits, u64::from(bits));
        }
    }
}

#[test]
fn every_kernel_finds_the_first_residue_that_is_not_below_the_prime() {
    let mut rng = StdRng::seed_from_u64(3);
    for bits in 2..=MAX_BITS {
        let prime = (1u64 << bits) - 1 - rng.random_range(0..1u64 << (bits - 1));
        let mut residues: Vec<u64> = (0..5 * GROUP).map(|_| rng.random_range(0..prime)).collect();
        residues[11] = prime - 1;
        for packing in packings(bits) {
            assert_eq!(packing.find_at_least(&defined(&residues, bits), prime), None, "{packing:?}");
            assert_eq!(packing.find_at_least(&[], prime), None);
            for position in 0..residues.len() {
                for wrong in [prime, (1 << bits) - 1] {
                    let mut residues = residues.clone();
                    residues[position] = wrong;
                    residues[5 * GROUP - 1] = wrong;
                    let row = defined(&residues, bits).into_boxed_slice();
                    assert_eq!(packing.find_at_least(&row, prime), Some((position, wrong)), "{packing:?}");
                }
            }
            let largest = vec![(1 << bits) - 1; GROUP];
            assert_eq!(packing.find_at_least(&defined(&largest, bits), 1 << bits), None);
            assert_eq!(packing.find_at_least(&defined(&largest, bits), u64::MAX), None);
        }
    }
}

#[test]
fn a_residue_has_the_bits_of_the_largest() {
    assert_eq!([2, 3, 5, 65_537, (1 << 50) - 27].map(residue_bits), [1, 2, 3, 17, 50]);
}

#[test]
fn a_polynomial_is_as_long_as_its_rows_and_below_its_primes() {
    let layout = LimbLayout::new(16, &[13, 1009]);
    let residues: Vec<u64> =
        (0..32).map(|index| if index < 16 { index % 13 } else { 1008 - index }).collect();
    let bytes = layout.pack(&residues);
    assert_eq!((bytes.len(), layout.bytes()), (16 * 4 / 8 + 16 * 10 / 8, 28));
    assert_eq!(layout.unpack(&bytes), residues);
    assert!(layout.check(&bytes).is_ok());
    let wrong = layout.check(&bytes[1..]);
    assert!(matches!(wrong, Err(ResiduesError::Bytes { found: 27, needed: 28 })));
    let mut too_large = residues;
    too_large[16 + 5] = 1009;
    let wrong = layout.check(&layout.pack(&too_large));
    assert!(matches!(wrong, Err(ResiduesError::Residue { prime: 1009, position: 5, found: 1009 })));
}

proptest! {
    #[test]
    fn kernels_agree_on_rows_of_any_length(groups in 0usize..70, bits in 1..=MAX_BITS, seed: u64) {
        assert_defined(groups, bits, seed);
    }

    #[test]
    fn kernels_agree_on_any_bytes_and_any_prime(groups in 0usize..40, bits in 1..=MAX_BITS, prime: u64, narrow: bool, seed: u64) {
        let mut rng = StdRng::seed_from_u64(seed);
        let prime = if narrow { prime >> (64 - bits) } else { prime };
        let row: Vec<u8> = (0..groups * bits as usize).map(|_| rng.random()).collect();
        let found: Vec<_> = packings(bits).map(|packing| packing.find_at_least(&row, prime)).collect();
        prop_assert!(found.windows(2).all(|pair| pair[0] == pair[1]));
        let mut residues = vec![0; groups * GROUP];
        Packing::new(bits).unpack(&row, &mut residues);
        let position = residues.iter().position(|&residue| residue >= prime);
        prop_assert_eq!(found[0], position.map(|position| (position, residues[position])));
    }
}
