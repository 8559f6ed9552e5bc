//! The loops in portable Rust. Each is inlined into every variant that `dispatch` compiles. Loops with modular products have a
//! variant of their own for AVX-512 (`ifma`).

#![expect(clippy::indexing_slicing, reason = "lanes are counted within tiles, and slices are equally long")]

pub use super::digits::{add_digits, join_digits};
use super::lists::{Lists, add_lists};
use super::modular::{Modulus, MontgomeryConstant};
use super::tiles::{InputTile, LANES, PARTS, SquareTile};

/// Numbers that the registers of every processor hold, with some to spare: eight vectors of two.
const NARROW: usize = 16;

/// See [`super::dispatch::add_input_lists`].
#[inline(always)]
pub fn add_input_lists<const WIDE: bool>(lists: &Lists, input: &[InputTile], sums: &mut [InputTile]) {
    match WIDE {
        true => add_lists::<{ 2 * LANES }, { 2 * LANES }>(lists, input, sums),
        false => add_lists::<{ 2 * LANES }, NARROW>(lists, input, sums),
    }
}

/// See [`super::dispatch::add_square_lists`].
#[inline(always)]
pub fn add_square_lists<const WIDE: bool>(lists: &Lists, input: &[SquareTile], sums: &mut [SquareTile]) {
    match WIDE {
        true => add_lists::<{ PARTS * LANES }, { PARTS * LANES }>(lists, input, sums),
        false => add_lists::<{ PARTS * LANES }, NARROW>(lists, input, sums),
    }
}

/// See [`super::dispatch::square`].
#[inline(always)]
pub fn square(values: &[InputTile], modulus: Modulus, squares: &mut [SquareTile]) {
    for (value, square) in values.iter().zip(squares) {
        for lane in 0..LANES {
            let (a, b) = (modulus.reduce_lazily(value[lane]), modulus.reduce_lazily(value[LANES + lane]));
            square[lane] = modulus.montgomery(a.value(), a.value());
            square[LANES + lane] = modulus.montgomery(a.value(), 2 * b.value());
            square[2 * LANES + lane] = modulus.montgomery(b.value(), b.value());
        }
    }
}

/// See [`super::dispatch::begin_with_biases`].
#[inline(always)]
pub fn begin_with_biases(biases: &[u64], values: &mut [InputTile]) {
    for (value, &bias) in values.iter_mut().zip(biases) {
        let (first, second) = value.split_at_mut(LANES);
        first.fill(bias as i64);
        second.fill(0);
    }
}

/// See [`super::dispatch::reduce_sums`].
#[inline(always)]
pub fn reduce_sums(sums: &[SquareTile], modulus: Modulus, output: &mut [u64], stride: usize) {
    let sums = sums.as_flattened().as_chunks::<LANES>().0;
    for (sums, output) in sums.iter().zip(output.chunks_mut(stride)) {
        for (output, &sum) in output.iter_mut().zip(sums) {
            *output = modulus.reduce(sum);
        }
    }
}

/// See [`super::dispatch::copy_residues`].
#[inline(always)]
pub fn copy_residues(residues: &[SquareTile], output: &mut [u64], stride: usize) {
    let residues = residues.as_flattened().as_chunks::<LANES>().0;
    for (residues, output) in residues.iter().zip(output.chunks_mut(stride)) {
        for (output, &residue) in output.iter_mut().zip(residues) {
            *output = residue as u64;
        }
    }
}

/// See [`super::dispatch::multiply_by_constant`].
#[inline(always)]
pub fn multiply_by_constant(values: &mut [u64], factor: MontgomeryConstant, modulus: Modulus) {
    for value in values {
        *value = modulus.reduce(modulus.montgomery(*value, factor.value()));
    }
}

/// See [`super::dispatch::centred_residues`].
#[inline(always)]
pub fn centred_residues(values: &[u64], from: Modulus, modulus: Modulus, output: &mut [u64]) {
    let (from, half) = (from.value as i64, (from.value / 2) as i64);
    for (output, &value) in output.iter_mut().zip(values) {
        let value = value as i64;
        // All bits are set where the value is above the half.
        *output = modulus.reduce(value - (from & ((half - value) >> 63)));
    }
}

/// See [`super::dispatch::inner_product`].
#[inline(always)]
pub fn inner_product(terms: &[(&[u64], &[u64])], constant: u64, modulus: Modulus, output: &mut [u64]) {
    for (index, output) in output.iter_mut().enumerate() {
        let products = terms.iter().map(|(a, b)| modulus.montgomery(a[index], b[index]));
        *output = modulus.reduce(products.sum::<i64>() + constant as i64);
    }
}

/// See [`super::dispatch::divide_exactly`].
#[inline(always)]
pub fn divide_exactly(values: &mut [u64], rests: &[u64], inverse: MontgomeryConstant, modulus: Modulus) {
    for (value, &rest) in values.iter_mut().zip(rests) {
        let multiple = *value + modulus.value - rest;
        *value = modulus.reduce(modulus.montgomery(multiple, inverse.value()));
    }
}

/// See [`super::dispatch::add`].
#[inline(always)]
pub fn add(sums: &mut [u64], values: &[u64], modulus: Modulus) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum = modulus.add(*sum, value);
    }
}
