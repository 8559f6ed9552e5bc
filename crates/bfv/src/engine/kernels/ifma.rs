//! The loops with modular products, in vectors of eight 52-bit integers (AVX-512 IFMA).
//!
//! `vpmadd52luq` and `vpmadd52huq` multiply the lowest 52 bits of two lanes and add the lower or the upper half of the
//! 104-bit product to a third. `modular` derives the ranges. Every loop here gives the same residues as the loop with its name in
//! `loops`, with R = 2^52 in place of 2^64.
#![allow(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "all slices of a product have the length of the output")]

use std::arch::x86_64::*;

use super::modular::{Modulus, MontgomeryConstant};
use super::tiles::{InputTile, LANES, SquareTile};

/// Lanes of a vector.
const VECTOR: usize = 8;

/// Constants of a modulus in every lane.
#[derive(Clone, Copy)]
struct Lanes {
    value: __m512i,
    /// `-q` modulo 2^52.
    negative: __m512i,
    inverse: __m512i,
    reciprocal: __m512i,
    offset: __m512i,
    mask: __m512i,
    zero: __m512i,
}

#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn lanes(modulus: Modulus) -> Lanes {
    let all = |value: u64| _mm512_set1_epi64(value as i64);
    Lanes {
        value: all(modulus.value),
        negative: all((1 << 52) - modulus.value),
        inverse: all(modulus.inverse & ((1 << 52) - 1)),
        reciprocal: all(modulus.reciprocal),
        offset: all(modulus.offset as u64),
        mask: all((1 << 52) - 1),
        zero: _mm512_setzero_si512(),
    }
}

/// [`Modulus::reduce_lazily`]: reduces sums to lazy residues below 2^51.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn reduce_lazily(sums: __m512i, m: Lanes) -> __m512i {
    let x = _mm512_add_epi64(sums, m.offset);
    let quotient = _mm512_madd52hi_epu64(m.zero, _mm512_srli_epi64::<12>(x), m.reciprocal);
    // x - quotient q is below 2^51: its lowest 52 bits are all of it.
    _mm512_and_si512(_mm512_madd52lo_epu64(x, quotient, m.negative), m.mask)
}

/// [`Modulus::settle`]: reduces lazy residues to residues.
#[target_feature(enable = "avx512f")]
#[inline]
fn settle(lazy: __m512i, m: Lanes) -> __m512i {
    _mm512_min_epu64(lazy, _mm512_sub_epi64(lazy, m.value))
}

/// `a b / 2^52` for factors below 2^52: a sum in `-q..max(q, a b / 2^52)`.
#[target_feature(enable = "avx512f,avx512ifma")]
#[inline]
fn montgomery(a: __m512i, b: __m512i, m: Lanes) -> __m512i {
    let low = _mm512_madd52lo_epu64(m.zero, a, b);
    let high = _mm512_madd52hi_epu64(m.zero, a, b);
    let u = _mm512_madd52lo_epu64(m.zero, low, m.inverse);
    _mm512_sub_epi64(high, _mm512_madd52hi_epu64(m.zero, u, m.value))
}

/// The residue of a number in `-q..q`.
#[target_feature(enable = "avx512f")]
#[inline]
fn without_sign(number: __m512i, m: Lanes) -> __m512i {
    // A negative number is large where signs do not count.
    _mm512_min_epu64(number, _mm512_add_epi64(number, m.value))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(values: &[u64; VECTOR]) -> __m512i {
    // SAFETY: the array is one vector.
    unsafe { _mm512_loadu_si512(values.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(values: &mut [u64; VECTOR], vector: __m512i) {
    // SAFETY: the array is one vector.
    unsafe { _mm512_storeu_si512(values.as_mut_ptr().cast(), vector) }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub fn square(values: &[InputTile], modulus: Modulus, squares: &mut [SquareTile]) {
    let m = lanes(modulus);
    for (value, square) in values.iter().zip(squares) {
        let value: &[u64; 2 * LANES] = bytemuck::cast_ref(value);
        let square: &mut [u64; 3 * LANES] = bytemuck::cast_mut(square);
        let (a, b) = value.split_at(LANES);
        let (first, rest) = square.split_at_mut(LANES);
        let (second, third) = rest.split_at_mut(LANES);
        let parts = vectors(a).iter().zip(vectors(b));
        let places = vectors_mut(first).iter_mut().zip(vectors_mut(second)).zip(vectors_mut(third));
        for ((a, b), ((first, second), third)) in parts.zip(places) {
            let (a, b) = (reduce_lazily(load(a), m), reduce_lazily(load(b), m));
            store(first, montgomery(a, a, m));
            // Twice a lazy residue is below 2^52.
            store(second, montgomery(a, _mm512_add_epi64(b, b), m));
            store(third, montgomery(b, b, m));
        }
    }
}

/// The vectors of a slice whose length is a multiple of a vector's.
fn vectors(values: &[u64]) -> &[[u64; VECTOR]] {
    values.as_chunks().0
}

fn vectors_mut(values: &mut [u64]) -> &mut [[u64; VECTOR]] {
    values.as_chunks_mut().0
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub fn reduce_sums(sums: &[SquareTile], modulus: Modulus, output: &mut [u64], stride: usize) {
    let m = lanes(modulus);
    let sums = sums.as_flattened().as_chunks::<LANES>().0;
    for (sums, output) in sums.iter().zip(output.chunks_mut(stride)) {
        for (output, sums) in vectors_mut(output).iter_mut().zip(vectors(bytemuck::cast_slice(sums))) {
            store(output, settle(reduce_lazily(load(sums), m), m));
        }
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub fn multiply_by_constant(values: &mut [u64], factor: MontgomeryConstant, modulus: Modulus) {
    let m = lanes(modulus);
    let factor = _mm512_set1_epi64(factor.value() as i64);
    for value in vectors_mut(values) {
        store(value, without_sign(montgomery(load(value), factor, m), m));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub fn centred_residues(values: &[u64], from: Modulus, modulus: Modulus, output: &mut [u64]) {
    let m = lanes(modulus);
    let (whole, half) = (_mm512_set1_epi64(from.value as i64), _mm512_set1_epi64((from.value / 2) as i64));
    for (output, values) in vectors_mut(output).iter_mut().zip(vectors(values)) {
        let value = load(values);
        let upper = _mm512_cmpgt_epu64_mask(value, half);
        let centred = _mm512_mask_sub_epi64(value, upper, value, whole);
        store(output, settle(reduce_lazily(centred, m), m));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub fn inner_product(terms: &[(&[u64], &[u64])], constant: u64, modulus: Modulus, output: &mut [u64]) {
    let m = lanes(modulus);
    let constant = _mm512_set1_epi64(constant as i64);
    for (index, output) in vectors_mut(output).iter_mut().enumerate() {
        let (mut low, mut high) = (m.zero, constant);
        for (a, b) in terms {
            let (a, b) = (load(&vectors(a)[index]), load(&vectors(b)[index]));
            low = _mm512_madd52lo_epu64(low, a, b);
            high = _mm512_madd52hi_epu64(high, a, b);
        }
        // Up to 2^12 terms stay below 2^64. The bits above the lowest 52 belong to the upper half.
        let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(low));
        let u = _mm512_madd52lo_epu64(m.zero, low, m.inverse);
        let sum = _mm512_sub_epi64(high, _mm512_madd52hi_epu64(m.zero, u, m.value));
        store(output, settle(reduce_lazily(sum, m), m));
    }
}

#[target_feature(enable = "avx512f,avx512ifma")]
pub fn divide_exactly(values: &mut [u64], rests: &[u64], inverse: MontgomeryConstant, modulus: Modulus) {
    let m = lanes(modulus);
    let inverse = _mm512_set1_epi64(inverse.value() as i64);
    for (value, rest) in vectors_mut(values).iter_mut().zip(vectors(rests)) {
        let multiple = _mm512_sub_epi64(_mm512_add_epi64(load(value), m.value), load(rest));
        store(value, without_sign(montgomery(multiple, inverse, m), m));
    }
}
