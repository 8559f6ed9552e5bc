//! The loops themselves. Each is inlined into every variant that [`super::Kernel`] compiles.

use super::Modulus;
use super::modular::truncate;
pub use super::rows::multiply_rows;
pub use super::sparse::add_rows;

/// Evaluation points that are worked on together: one vector of 32-bit sums.
pub const LANES: usize = 16;

/// Bytes of a residue below 2^48.
pub const PLANES: usize = 6;

/// Values worked on together in long loops.
const CHUNK: usize = 64;

#[inline(always)]
pub fn scale_digits(digits: &mut [u64], factor: u64, modulus: Modulus, quotients: &mut [f64]) {
    for (digit, quotient) in digits.iter_mut().zip(quotients) {
        *digit = modulus.multiply(*digit, factor);
        *quotient += modulus.fraction(*digit);
    }
}

#[inline(always)]
pub fn combine(
    digits: &[u64],
    wraps: &[u8],
    factors: &[u64],
    wrap: u64,
    modulus: Modulus,
    output: &mut [u64],
) {
    let degree = output.len();
    for (chunk, output) in output.chunks_mut(CHUNK).enumerate() {
        let start = chunk * CHUNK;
        let length = output.len();
        // The sum modulo 2^64, and its quotient by the modulus in floating point: 20 terms below 2^53 are off by
        // 3 each, and by at most 2^4 at every addition, so the remainder is within 400 m of zero: below 2^62.
        let (mut sums, mut quotients) = ([0u64; CHUNK], [0f64; CHUNK]);
        for ((sum, quotient), &v) in sums.iter_mut().zip(&mut quotients).zip(&wraps[start..start + length]) {
            *sum = (u64::from(v) * wrap).wrapping_neg();
            *quotient = -(f64::from(v) * modulus.fraction(wrap));
        }
        for (row, &factor) in factors.iter().enumerate() {
            let fraction = modulus.fraction(factor);
            let digits = &digits[row * degree + start..row * degree + start + length];
            for ((sum, quotient), &digit) in sums.iter_mut().zip(&mut quotients).zip(digits) {
                *sum = sum.wrapping_add(digit.wrapping_mul(factor));
                *quotient += digit as i64 as f64 * fraction;
            }
        }
        for ((output, &sum), &quotient) in output.iter_mut().zip(&sums).zip(&quotients) {
            let rest = sum.wrapping_sub((truncate(quotient) as u64).wrapping_mul(modulus.value));
            *output = modulus.reduce(rest as i64);
        }
    }
}

#[inline(always)]
pub fn products_by_vectors(a: &[i64], b: &[i64], factor: i64, modulus: Modulus, products: &mut [u64]) {
    for ((product, &a), &b) in products.iter_mut().zip(a).zip(b) {
        *product = modulus.reduce(modulus.product(a, b) * factor);
    }
}

#[inline(always)]
pub fn products_wide(a: &[i64], b: &[i64], factor: i64, modulus: Modulus, products: &mut [u64]) {
    for ((product, &a), &b) in products.iter_mut().zip(a).zip(b) {
        *product = modulus.reduce_wide(i128::from(a) * i128::from(b * factor));
    }
}

#[inline(always)]
pub fn centred_residues(values: &[u64], from: Modulus, modulus: Modulus, output: &mut [u64]) {
    let (from, half) = (from.value as i64, (from.value / 2) as i64);
    for (output, &value) in output.iter_mut().zip(values) {
        let value = value as i64;
        // All bits are set where the value is above the half.
        *output = modulus.reduce(value - (from & ((half - value) >> 63)));
    }
}

#[inline(always)]
pub fn add_products(sums: &mut [i64], a: &[u64], b: &[u64], modulus: Modulus) {
    for ((sum, &a), &b) in sums.iter_mut().zip(a).zip(b) {
        *sum += modulus.product(a as i64, b as i64);
    }
}

#[inline(always)]
pub fn add_multiplied(sums: &mut [u64], values: &[u64], factor: u64, modulus: Modulus) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum = modulus.reduce(modulus.product(value as i64, factor as i64) + *sum as i64);
    }
}

/// The residue of `low + high * 2^24`, both below 2^53 in absolute value.
#[inline(always)]
fn join(low: i64, high: i64, modulus: Modulus) -> u64 {
    modulus.reduce(modulus.product(modulus.reduce(high) as i64, 1 << 24) + low)
}

#[inline(always)]
pub fn add_scaled(sums: &mut [i64], values: &[u64], weight: i64) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += weight * value as i64;
    }
}

#[inline(always)]
pub fn add_all(sums: &mut [i64], values: &[i64]) {
    for (sum, value) in sums.iter_mut().zip(values) {
        *sum += value;
    }
}

#[inline(always)]
pub fn join_planes(sums: &[i32], modulus: Modulus, output: &mut [u64]) {
    for (sums, output) in sums.chunks_exact(PLANES * LANES).zip(output.chunks_exact_mut(LANES)) {
        for (lane, output) in output.iter_mut().enumerate() {
            let plane = |index: usize| i64::from(sums[index * LANES + lane]) << (8 * (index % 3));
            // Three planes below 2^31 at 0, 8 and 16 bits: below 2^49.
            *output = join(plane(0) + plane(1) + plane(2), plane(3) + plane(4) + plane(5), modulus);
        }
    }
}

#[inline(always)]
pub fn round_quotients(quotients: &[f64], wraps: &mut [u8]) {
    for (wrap, &quotient) in wraps.iter_mut().zip(quotients) {
        *wrap = truncate(quotient + 0.5) as u8;
    }
}

#[inline(always)]
pub fn start_roundings(wraps: &[u8], fraction: f64, roundings: &mut [f64]) {
    for (rounding, &wrap) in roundings.iter_mut().zip(wraps) {
        *rounding = 0.5 - f64::from(wrap) * fraction;
    }
}

#[inline(always)]
pub fn add_rounded(values: &mut [u64], roundings: &[f64], modulus: Modulus) {
    for (value, &rounding) in values.iter_mut().zip(roundings) {
        *value = modulus.reduce(*value as i64 + truncate(rounding));
    }
}

#[inline(always)]
pub fn add_fractions(digits: &[u64], fraction: f64, sums: &mut [f64]) {
    for (sum, &digit) in sums.iter_mut().zip(digits) {
        *sum += digit as i64 as f64 * fraction;
    }
}

#[inline(always)]
pub fn reduce_all(sums: &[i64], modulus: Modulus, output: &mut [u64]) {
    for (output, &sum) in output.iter_mut().zip(sums) {
        *output = modulus.reduce(sum);
    }
}

#[inline(always)]
pub fn reduce_in_place(values: &mut [i64], modulus: Modulus) {
    for value in values {
        *value = modulus.reduce(*value) as i64;
    }
}

#[inline(always)]
pub fn split_bytes(values: &[u64], planes: &mut [u8]) {
    for (rows, planes) in values.chunks_exact(4 * LANES).zip(planes.chunks_exact_mut(PLANES * 4 * LANES)) {
        for (plane, bytes) in planes.chunks_exact_mut(4 * LANES).enumerate() {
            for (lane, bytes) in bytes.chunks_exact_mut(4).enumerate() {
                let byte = |row: usize| (rows[row * LANES + lane] >> (8 * plane)) as u32 & 0xff;
                let word = byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
                bytes.copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}
