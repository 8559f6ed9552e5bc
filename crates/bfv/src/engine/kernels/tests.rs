use proptest::prelude::*;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::*;

/// A prime below 2^48, as the engine's evaluation primes.
const P: u64 = 281_474_975_285_249;

fn residues(count: usize, rng: &mut StdRng) -> Vec<u64> {
    // The extremes are where sums overflow.
    (0..count)
        .map(|_| match rng.random_range(0..4) {
            0 => P - 1,
            1 => 0,
            _ => rng.random_range(0..P),
        })
        .collect()
}

fn modular(sum: i128) -> u64 {
    sum.rem_euclid(i128::from(P)) as u64
}

/// Weights like trained ones: mostly 0, 1 and -1, so that larger ones are listed several times.
#[test]
fn every_kernel_adds_up_nearly_ternary_rows_exactly() {
    let mut rng = StdRng::seed_from_u64(7);
    let mut row: Vec<(usize, i64)> = (0..60).map(|input| (input, rng.random_range(-1..=1))).collect();
    (row[5].1, row[40].1) = (3, -2);
    let input = residues(60 * LANES, &mut rng);
    let expected: Vec<u64> = (0..LANES)
        .map(|lane| {
            modular(row.iter().map(|&(i, w)| i128::from(w) * i128::from(input[i * LANES + lane])).sum())
        })
        .collect();
    let sparse = SparseRows::new([row].into_iter(), false);
    assert!(sparse.repeats());
    for kernel in Kernel::available() {
        let (mut sums, mut output) = ([0; LANES], [0; LANES]);
        kernel.add_rows(&sparse, &input, Modulus::new(P), &mut sums);
        kernel.reduce_all(&sums, Modulus::new(P), &mut output);
        assert_eq!(output[..], expected, "{kernel}");
    }
}

proptest! {
    #[test]
    fn every_kernel_multiplies_matrices_exactly(
        rows in 1usize..11,
        columns in 1usize..300,
        largest in prop::sample::select(vec![1i64, 3, 127, 128, 5000, 1 << 40]),
        seed in any::<u64>(),
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let weights: Vec<i64> =
            (0..rows * columns).map(|_| if rng.random() { rng.random_range(-largest..=largest) } else { -largest }).collect();
        let mut values = residues(columns * LANES, &mut rng);
        let modulus = Modulus::new(P);
        let expected: Vec<u64> = (0..rows * LANES)
            .map(|index| {
                let (row, lane) = (index / LANES, index % LANES);
                let term = |column| i128::from(weights[row * columns + column]) * i128::from(values[column * LANES + lane]);
                modular((0..columns).map(term).sum())
            })
            .collect();
        values.resize(columns.next_multiple_of(4) * LANES, 0);
        for kernel in Kernel::available() {
            let dense = DenseWeights::new(kernel, &weights, columns);
            let mut output = vec![0; rows * LANES];
            let mut scratch = dense.scratch(rows);
            for (span, values) in values.chunks(dense.span().next_multiple_of(4) * LANES).enumerate() {
                dense.add(kernel, span, values, modulus, &mut scratch);
            }
            dense.finish(kernel, modulus, &mut scratch, &mut output);
            prop_assert_eq!(&output, &expected, "{}", kernel);
        }
    }

    #[test]
    fn every_kernel_sums_up_weighted_rows_with_their_biases_exactly(
        seed in any::<u64>(),
        largest in prop::sample::select(vec![1i64, 3, 31, 800, 5000, 1 << 40]),
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let rows: Vec<Vec<(usize, i64)>> = (0..6)
            .map(|_| (0..9).filter(|_| rng.random()).collect::<Vec<_>>())
            .collect::<Vec<_>>()
            .into_iter()
            .map(|inputs| inputs.into_iter().map(|input| (input, rng.random_range(-largest..=largest))).collect())
            .collect();
        let (biases, input) = (residues(2, &mut rng), residues(9 * LANES, &mut rng));
        let expected: Vec<u64> = (0..6 * LANES)
            .map(|index| {
                let (row, lane) = (index / LANES, index % LANES);
                let terms = rows[row].iter().map(|&(i, w)| i128::from(w) * i128::from(input[i * LANES + lane]));
                modular(terms.sum::<i128>() + i128::from(biases[row / 3]))
            })
            .collect();
        for kernel in Kernel::available() {
            let mut sums: Vec<i64> = biases.iter().flat_map(|&bias| [bias as i64; 3 * LANES]).collect();
            Rows::new(kernel, &rows).add(kernel, &input, Modulus::new(P), &mut sums);
            let mut output = vec![0; expected.len()];
            kernel.reduce_all(&sums, Modulus::new(P), &mut output);
            prop_assert_eq!(&output, &expected, "{}", kernel);
        }
    }

    #[test]
    fn every_kernel_multiplies_values_and_sums_them_up_exactly(seed in any::<u64>(), count in 1usize..200) {
        let mut rng = StdRng::seed_from_u64(seed);
        let (a, b, modulus) = (residues(count, &mut rng), residues(count, &mut rng), Modulus::new(P));
        for kernel in Kernel::available() {
            let mut products = vec![0; count];
            // Sums of up to 32 residues, of both signs.
            let wide = |values: &[u64], factor: i64| -> Vec<i64> { values.iter().map(|&value| value as i64 * factor).collect() };
            let (wide_a, wide_b) = (wide(&a, 31), wide(&b, -32));
            kernel.products(&wide_a, &wide_b, 2, modulus, &mut products);
            let exact = |i: usize| modular(2 * i128::from(wide_a[i]) * i128::from(wide_b[i]));
            prop_assert!((0..count).all(|i| products[i] == exact(i)), "{}", kernel);

            let mut sums = vec![-5; count];
            kernel.add_scaled(&mut sums, &products, -7);
            let mut reduced = vec![0; count];
            kernel.reduce_all(&sums, modulus, &mut reduced);
            let exact = |i: usize| modular(-5 - 7 * i128::from(products[i]));
            prop_assert!((0..count).all(|i| reduced[i] == exact(i)), "{}", kernel);
        }
    }

    #[test]
    fn every_kernel_combines_digits_exactly(
        seed in any::<u64>(),
        count in 1usize..200,
        // Digits modulo ciphertext primes, and modulo evaluation primes.
        (rows, bits) in prop_oneof![(1usize..=8, Just(53u32)), (1usize..=20, Just(48u32))],
        prime in prop::sample::select(vec![P, (1 << 53) - 111, 16_580_609]),
    ) {
        let mut rng = StdRng::seed_from_u64(seed);
        let largest = (1u64 << bits) - 1;
        let digits: Vec<u64> =
            (0..rows * count).map(|_| if rng.random() { rng.random_range(0..=largest) } else { largest }).collect();
        let factors: Vec<u64> =
            (0..rows).map(|_| if rng.random() { rng.random_range(0..prime) } else { prime - 1 }).collect();
        let wraps = (0..count).map(|_| rng.random_range(0..=rows as u8)).collect::<Vec<u8>>();
        let (wrap, modulus) = (prime - 1, Modulus::new(prime));
        for kernel in Kernel::available() {
            let mut output = vec![0; count];
            kernel.combine(&digits, &wraps, &factors, wrap, modulus, &mut output);
            for i in 0..count {
                let sum: i128 = (0..rows).map(|r| i128::from(digits[r * count + i]) * i128::from(factors[r])).sum();
                let exact = (sum - i128::from(wraps[i]) * i128::from(wrap)).rem_euclid(prime.into());
                prop_assert_eq!(i128::from(output[i]), exact, "{}", kernel);
            }
        }
    }
}
