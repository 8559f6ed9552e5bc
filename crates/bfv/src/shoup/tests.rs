use proptest::prelude::*;
use zeroize::Zeroizing;

use super::dispatch::*;
use super::factor::{Factor, Factors, MessageTerm};
use crate::kernel::Kernel;
use crate::modular::product;

const LENGTH: usize = 24;

/// A modulus of 17 to 50 bits. The loops only need it to be odd.
fn modulus() -> impl Strategy<Value = u64> {
    (17u32..=50).prop_flat_map(|bits| ((1u64 << (bits - 1))..(1 << bits)).prop_map(|p| p | 1))
}

/// Numbers of 64 bits, the extremes more often than others.
fn words() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![8 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)], LENGTH)
}

/// The residues of words, with the largest residue for the largest word.
fn reduced(words: &[u64], p: u64) -> Vec<u64> {
    words.iter().map(|&word| if word == u64::MAX { p - 1 } else { word % p }).collect()
}

/// Numbers like those of an error polynomial, some of them larger.
fn small(words: &[u64]) -> Vec<i64> {
    words.iter().map(|&word| (word % 65_535) as i64 - 32_767).collect()
}

fn modulo(value: i128, p: u64) -> u64 {
    value.rem_euclid(i128::from(p)) as u64
}

proptest! {
    #[test]
    fn every_loop_equals_integer_arithmetic_on_every_instruction_set(
        p in modulus(), last in modulus(), message_modulus in modulus(),
        words in prop::collection::vec(words(), 5), constants in prop::collection::vec(any::<u64>(), 2),
    ) {
        let (values, sums) = (reduced(&words[0], p), reduced(&words[1], p));
        let factor_values = reduced(&words[2], p);
        let factors = Factors::new(Zeroizing::new(factor_values.clone()), p);
        let coefficients = reduced(&words[3], message_modulus);
        let small = small(&words[4]);
        let [factor, message_factor] = [0, 1].map(|at| Factor::new(constants[at] % p, p));
        let message = MessageTerm { coefficients: &coefficients, factor: message_factor };
        let scaled = |at: usize| i128::from(product(coefficients[at] % p, message_factor.value, p));
        let product_at = |at: usize| i128::from(product(values[at], factor_values[at], p));
        let times_factor = |value: i128| i128::from(product(modulo(value, p), factor.value, p));
        let value = |at: usize| i128::from(values[at]);
        let error = |at: usize| i128::from(small[at]);
        let expect = |f: &dyn Fn(usize) -> i128| (0..LENGTH).map(|at| modulo(f(at), p)).collect::<Vec<_>>();
        for kernel in Kernel::available() {
            let mut output = vec![0; LENGTH];
            residues(kernel, &small, p, &mut output);
            prop_assert_eq!(&output, &expect(&error));
            add_message(kernel, message, &small, p, &mut output);
            prop_assert_eq!(&output, &expect(&|at| scaled(at) + error(at)));
            multiply(kernel, &values, &factors, p, &mut output);
            prop_assert_eq!(&output, &expect(&product_at));

            output.clone_from(&sums);
            add_products(kernel, &mut output, &values, &factors, p);
            prop_assert_eq!(&output, &expect(&|at| i128::from(sums[at]) + product_at(at)));
            output.clone_from(&sums);
            subtract_products(kernel, &mut output, &values, &factors, p);
            prop_assert_eq!(&output, &expect(&|at| i128::from(sums[at]) - product_at(at)));

            output.clone_from(&values);
            multiply_by_constant(kernel, &mut output, factor, p);
            prop_assert_eq!(&output, &expect(&|at| times_factor(value(at))));
            output.clone_from(&values);
            subtract_message(kernel, &mut output, factor, message, p);
            prop_assert_eq!(&output, &expect(&|at| times_factor(value(at)) - scaled(at)));

            let half = p / 2;
            for with_message in [false, true] {
                let share = |at| if with_message { scaled(at) } else { 0 };
                let message = with_message.then_some(message);
                output.clone_from(&values);
                rounding(kernel, &mut output, factor, message, &small, half, p);
                let rounded = |at| times_factor(value(at)) + share(at) + error(at) + i128::from(half);
                prop_assert_eq!(&output, &expect(&rounded));

                let rounding = reduced(&words[0], last);
                let offset = (last + (1 << 15)).next_multiple_of(p) + p / 3;
                let offset = if offset < 1 << 51 { offset } else { last + (1 << 15) };
                switched(kernel, &rounding, &small, offset, factor, message, p, &mut output);
                let difference = |at: usize| error(at) + i128::from(offset) - i128::from(rounding[at]);
                prop_assert_eq!(&output, &expect(&|at| times_factor(difference(at)) + share(at)));
            }
            let largest = values.iter().map(|&value| value.min(p - value)).max().unwrap();
            prop_assert_eq!(largest_centred(kernel, &values, p), largest);
        }
    }
}
