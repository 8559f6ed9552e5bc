//! Comparisons of every kernel with exact integers.

use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::dispatch::{self, radix_bits};
use super::input_map::InputMap;
use super::lists::Lists;
use super::modular::{MAX_SUM, Modulus, MontgomeryConstant};
use super::sparse_row::SparseRow;
use super::square_map::{Band, SquareMap, SquareSums};
use super::tiles::{InputTile, LANES, PARTS, SquareTile};
use crate::kernel::Kernel;

/// The smallest and the largest primes in use, and the largest odd number below the limit.
const MODULI: [u64; 5] = [8_404_993, 16_580_609, 281_474_976_694_273, 1_125_899_906_826_241, (1 << 50) - 1];

fn residue(value: i128, modulus: u64) -> u64 {
    value.rem_euclid(i128::from(modulus)) as u64
}

/// `1 / R` modulo the modulus, which is odd.
fn inverse_radix(kernel: Kernel, modulus: u64) -> i128 {
    // Halving R times.
    let half = i128::from(modulus).midpoint(1);
    (0..radix_bits(kernel)).fold(1, |power, _| power * half % i128::from(modulus))
}

/// A constant that is stored as `value`: R = 1.
fn raw_constant(value: u64, modulus: Modulus) -> MontgomeryConstant {
    MontgomeryConstant::new(value, modulus, 0)
}

/// Residues of which many are the largest.
fn residues(modulus: u64, count: usize, rng: &mut StdRng) -> Vec<u64> {
    let random =
        |rng: &mut StdRng| if rng.random_bool(0.2) { modulus - 1 } else { rng.random_range(0..modulus) };
    (0..count).map(|_| random(rng)).collect()
}

fn rows(count: usize, inputs: usize, density: f64, largest: i64, rng: &mut StdRng) -> Vec<SparseRow> {
    let mut row = || {
        let mut row: SparseRow = Vec::new();
        for input in 0..inputs {
            if rng.random_bool(density) {
                // Weights of all sizes, and the largest weight.
                let bound = if rng.random_bool(0.2) { largest } else { rng.random_range(0..=largest) };
                let weight = if rng.random() { bound } else { -bound };
                row.extend((weight != 0).then_some((input, weight)));
            }
        }
        row
    };
    (0..count).map(|_| row()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_kernel_squares_sums_exactly(seed in any::<u64>(), index in 0..MODULI.len()) {
        let (mut rng, modulus) = (StdRng::seed_from_u64(seed), Modulus::new(MODULI[index]));
        let mut sum = || if rng.random_bool(0.2) { MAX_SUM } else { rng.random_range(-MAX_SUM..=MAX_SUM) };
        let values: Vec<InputTile> = (0..3).map(|_| std::array::from_fn(|_| sum())).collect();
        for kernel in Kernel::available() {
            let mut squares = vec![[0; PARTS * LANES]; 3];
            dispatch::square(kernel, &values, modulus, &mut squares);
            let q = modulus.value;
            for (value, square) in values.iter().zip(&squares) {
                for lane in 0..LANES {
                    let [a, b] = [value[lane], value[LANES + lane]].map(|sum| i128::from(residue(sum.into(), q)));
                    for (part, exact) in [a * a, 2 * a * b, b * b].into_iter().enumerate() {
                        let found = square[part * LANES + lane];
                        prop_assert!(found > -(q as i64) && found < 2 * q as i64, "{kernel} {found}");
                        let exact = i128::from(residue(exact, q)) * inverse_radix(kernel, q);
                        prop_assert_eq!(residue(found.into(), q), residue(exact, q), "{}", kernel);
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_multiplies_and_reduces_residues_exactly(
        seed in any::<u64>(), index in 0..MODULI.len(), other in 0..MODULI.len(), terms in 1usize..=9,
    ) {
        let (mut rng, modulus) = (StdRng::seed_from_u64(seed), Modulus::new(MODULI[index]));
        let (q, count) = (modulus.value, 32);
        for kernel in Kernel::available() {
            let wide = |value: u64| i128::from(value);
            let inverse = inverse_radix(kernel, q);
            let sums: [SquareTile; 2] =
                std::array::from_fn(|_| std::array::from_fn(|_| rng.random_range(-MAX_SUM..=MAX_SUM)));
            // Six parts of 16 residues, each at the beginning of 20 numbers.
            let mut found = vec![7; 5 * 20 + LANES];
            dispatch::reduce_sums(kernel, &sums, modulus, &mut found, 20);
            for (index, found) in found.iter().enumerate() {
                let sum = sums.as_flattened().get(index / 20 * LANES + index % 20);
                let exact = sum.filter(|_| index % 20 < LANES).map_or(7, |&sum| residue(sum.into(), q));
                prop_assert_eq!(*found, exact, "{}", kernel);
            }
            let mut found = vec![0; count];

            let (values, factor) = (residues(q, count, &mut rng), q - 1);
            let mut scaled = values.clone();
            let constant = raw_constant(factor, modulus);
            dispatch::multiply_by_constant(kernel, &mut scaled, constant, modulus);
            let exact = |i: usize| residue(residue(wide(values[i]) * wide(factor), q) as i128 * inverse, q);
            prop_assert!((0..count).all(|i| scaled[i] == exact(i)), "{kernel}");

            let from = Modulus::new(MODULI[other]);
            let others = residues(from.value, count, &mut rng);
            dispatch::centred_residues(kernel, &others, from, modulus, &mut found);
            let centred = |value: u64| wide(value) - if value > from.value / 2 { wide(from.value) } else { 0 };
            prop_assert!((0..count).all(|i| found[i] == residue(centred(others[i]), q)), "{kernel}");

            let factors: Vec<[Vec<u64>; 2]> =
                (0..terms).map(|_| [(); 2].map(|()| residues(q, count, &mut rng))).collect();
            let slices: Vec<(&[u64], &[u64])> = factors.iter().map(|[a, b]| (&a[..], &b[..])).collect();
            dispatch::inner_product(kernel, &slices, q - 1, modulus, &mut found);
            let exact = |i: usize| {
                let sum: i128 = factors.iter().map(|[a, b]| i128::from(residue(wide(a[i]) * wide(b[i]), q))).sum();
                residue(i128::from(residue(sum, q)) * inverse + wide(q - 1), q)
            };
            prop_assert!((0..count).all(|i| found[i] == exact(i)), "{kernel}");

            let rests = residues(q, count, &mut rng);
            let mut quotients = values.clone();
            dispatch::divide_exactly(kernel, &mut quotients, &rests, constant, modulus);
            let exact = |i: usize| {
                let product = residue((wide(values[i]) - wide(rests[i])) * wide(factor), q);
                residue(i128::from(product) * inverse, q)
            };
            prop_assert!((0..count).all(|i| quotients[i] == exact(i)), "{kernel}");

            let mut sums = values.clone();
            dispatch::add(kernel, &mut sums, &rests, modulus);
            prop_assert!((0..count).all(|i| sums[i] == residue(wide(values[i]) + wide(rests[i]), q)), "{kernel}");
        }
    }

    #[test]
    fn every_kernel_maps_inputs_exactly_whatever_the_weights(
        seed in any::<u64>(),
        index in 0..MODULI.len(),
        largest in prop::sample::select(vec![0, 1, 3, 20, 200, 70_000, i64::MAX]),
        density in 0.1f64..1.0,
    ) {
        let (mut rng, modulus) = (StdRng::seed_from_u64(seed), Modulus::new(MODULI[index]));
        let bands: Vec<Vec<SparseRow>> = (0..2).map(|_| rows(3, 25, density, largest, &mut rng)).collect();
        let map = InputMap::new(&bands);
        let inputs = residues(modulus.value, 25 * 2 * LANES, &mut rng);
        let inputs: Vec<InputTile> =
            inputs.chunks(2 * LANES).map(|values| std::array::from_fn(|i| values[i] as i64)).collect();
        for kernel in Kernel::available() {
            for (band, rows) in bands.iter().enumerate() {
                let mut values = vec![[modulus.value as i64 - 1; 2 * LANES]; rows.len()];
                map.add(kernel, band, &inputs, modulus, &mut aligned_vec::avec![], &mut values);
                for (values, row) in values.iter().zip(rows) {
                    for (lane, &value) in values.iter().enumerate() {
                        prop_assert!(value.abs() <= MAX_SUM);
                        let terms = row.iter().map(|&(input, weight)| {
                            i128::from(weight) * i128::from(inputs[input][lane])
                        });
                        let exact = residue(terms.sum::<i128>() - 1, modulus.value);
                        prop_assert_eq!(residue(value.into(), modulus.value), exact, "{}", kernel);
                    }
                }
            }
        }
    }

    #[test]
    fn every_kernel_maps_squares_exactly_whatever_the_weights(
        seed in any::<u64>(),
        index in 0..MODULI.len(),
        // Weights for lists (repeated and by digits), for words of the largest norm, and for several digits.
        (largest, density) in prop::sample::select(vec![
            (0, 0.5), (1, 0.3), (3, 0.3), (2, 1.0), (40, 0.5), (1 << 14, 1.0), (70_000, 0.7), (i64::MAX, 0.7),
        ]),
        inputs in prop::sample::select(vec![1, 2, 4, 7]),
    ) {
        let (mut rng, modulus) = (StdRng::seed_from_u64(seed), Modulus::new(MODULI[index]));
        let q = modulus.value as i64;
        let bands = [inputs, inputs, 1];
        let bands: Vec<Band> =
            bands.map(|inputs| Band { inputs, rows: rows(3, inputs, density, largest, &mut rng) }).into();
        let squares: Vec<Vec<SquareTile>> = bands
            .iter()
            .map(|band| {
                let mut value = || if rng.random_bool(0.2) { 2 * q - 1 } else { rng.random_range(1 - q..2 * q) };
                (0..band.inputs).map(|_| std::array::from_fn(|_| value())).collect()
            })
            .collect();
        for kernel in Kernel::available() {
            let map = SquareMap::new(kernel, 3, &bands);
            let (mut sums, mut found) = (SquareSums::default(), vec![0; 3 * PARTS * LANES]);
            // The second pass does not see the sums of the first.
            for _ in 0..2 {
                map.begin(&mut sums);
                for (band, squares) in squares.iter().enumerate() {
                    map.add(kernel, band, squares, modulus, &mut sums);
                }
                map.finish(kernel, modulus, &mut sums, &mut found, LANES);
            }
            for (row, found) in found.chunks_exact(PARTS * LANES).enumerate() {
                for (lane, &found) in found.iter().enumerate() {
                    let terms = bands.iter().zip(&squares).flat_map(|(band, squares)| {
                        band.rows[row].iter().map(move |&(input, weight)| {
                            i128::from(weight) * i128::from(squares[input][lane])
                        })
                    });
                    prop_assert_eq!(found, residue(terms.sum(), modulus.value), "{}", kernel);
                }
            }
        }
    }
}

#[test]
fn weights_have_the_form_that_costs_least() {
    let mut rng = StdRng::seed_from_u64(1);
    let mut lists = |largest| Lists::new(&rows(10, 100, 0.4, largest, &mut rng));
    // Weights are listed several times only if large weights are rare.
    assert!(lists(1).repeats());
    assert!(!lists(40).repeats());
}
