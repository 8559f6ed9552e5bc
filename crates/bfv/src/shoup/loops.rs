//! The loops, for vectors of any instruction set.

#![expect(clippy::indexing_slicing, reason = "vectors lie within slices whose lengths are checked first")]

use super::factor::{Factor, Factors, MessageTerm};
use super::vector::Vector;

/// A constant in every lane.
#[derive(Clone, Copy)]
struct Constant<V> {
    value: V,
    quotient: V,
}

impl<V: Vector> Constant<V> {
    #[inline(always)]
    fn new(factor: Factor) -> Self {
        Self { value: V::splat(factor.value), quotient: V::splat(factor.quotient) }
    }

    /// Multiplies LANES values below 2^52. The products are congruent numbers below `2 prime`.
    #[inline(always)]
    fn times(self, values: &[u64], prime: u64) -> V {
        V::load(values).multiply(self.value, self.quotient, prime)
    }
}

/// The residue of small numbers between `-prime` and `prime`.
#[inline(always)]
fn residue<V: Vector>(small: V, prime: V) -> V {
    small.add(small.where_negative(prime))
}

/// Loads small numbers as 64-bit words.
#[inline(always)]
fn load_signed<V: Vector>(small: &[i64]) -> V {
    // LANES is at most 8. The conversion costs nothing once it is inlined.
    let mut words = [0; 8];
    for (word, &small) in words.iter_mut().zip(small) {
        *word = small as u64;
    }
    V::load(&words[..V::LANES])
}

/// The first index of every vector of a slice. The loops have no closures, because intrinsics are not inlined through closures.
#[inline(always)]
fn starts<V: Vector>(length: usize) -> std::iter::StepBy<std::ops::Range<usize>> {
    assert!(length.is_multiple_of(V::LANES));
    (0..length).step_by(V::LANES)
}

#[inline(always)]
pub fn residues<V: Vector>(small: &[i64], prime: u64, output: &mut [u64]) {
    let p = V::splat(prime);
    assert_eq!(small.len(), output.len());
    for at in starts::<V>(output.len()) {
        let at = at..at + V::LANES;
        residue(load_signed::<V>(&small[at.clone()]), p).store(&mut output[at]);
    }
}

#[inline(always)]
pub fn multiply_by_constant<V: Vector>(values: &mut [u64], factor: Factor, prime: u64) {
    let factor = Constant::<V>::new(factor);
    for at in starts::<V>(values.len()) {
        let at = at..at + V::LANES;
        factor.times(&values[at.clone()], prime).reduce(prime).store(&mut values[at]);
    }
}

#[inline(always)]
pub fn add_message<V: Vector>(message: MessageTerm<'_>, small: &[i64], prime: u64, output: &mut [u64]) {
    let MessageTerm { coefficients, factor } = message;
    let (p, factor) = (V::splat(prime), Constant::<V>::new(factor));
    assert!(coefficients.len() == output.len() && small.len() == output.len());
    for at in starts::<V>(output.len()) {
        let at = at..at + V::LANES;
        let message = factor.times(&coefficients[at.clone()], prime);
        // Below 3p.
        let sum = message.add(residue(load_signed(&small[at.clone()]), p));
        sum.reduce(2 * prime).reduce(prime).store(&mut output[at]);
    }
}

#[inline(always)]
pub fn multiply<V: Vector>(values: &[u64], factors: &Factors, prime: u64, output: &mut [u64]) {
    let (constants, quotients) = (&factors.values[..], &factors.quotients[..]);
    assert!([constants.len(), quotients.len(), values.len()] == [output.len(); 3]);
    for at in starts::<V>(output.len()) {
        let at = at..at + V::LANES;
        let (constant, quotient) = (V::load(&constants[at.clone()]), V::load(&quotients[at.clone()]));
        let product = V::load(&values[at.clone()]).multiply(constant, quotient, prime);
        product.reduce(prime).store(&mut output[at]);
    }
}

#[inline(always)]
pub fn add_products<V: Vector>(sums: &mut [u64], values: &[u64], factors: &Factors, prime: u64) {
    let (constants, quotients) = (&factors.values[..], &factors.quotients[..]);
    assert!([constants.len(), quotients.len(), values.len()] == [sums.len(); 3]);
    for at in starts::<V>(sums.len()) {
        let at = at..at + V::LANES;
        let (constant, quotient) = (V::load(&constants[at.clone()]), V::load(&quotients[at.clone()]));
        let product = V::load(&values[at.clone()]).multiply(constant, quotient, prime);
        // Below 3p.
        let sum = V::load(&sums[at.clone()]).add(product);
        sum.reduce(2 * prime).reduce(prime).store(&mut sums[at]);
    }
}

#[inline(always)]
pub fn subtract_products<V: Vector>(sums: &mut [u64], values: &[u64], factors: &Factors, prime: u64) {
    let (constants, quotients) = (&factors.values[..], &factors.quotients[..]);
    assert!([constants.len(), quotients.len(), values.len()] == [sums.len(); 3]);
    for at in starts::<V>(sums.len()) {
        let at = at..at + V::LANES;
        let (constant, quotient) = (V::load(&constants[at.clone()]), V::load(&quotients[at.clone()]));
        let product = V::load(&values[at.clone()]).multiply(constant, quotient, prime);
        // From 1 to 3p - 1.
        let difference = V::load(&sums[at.clone()]).add(V::splat(2 * prime)).sub(product);
        difference.reduce(2 * prime).reduce(prime).store(&mut sums[at]);
    }
}

#[inline(always)]
pub fn rounding<V: Vector>(
    values: &mut [u64],
    factor: Factor,
    message: Option<MessageTerm<'_>>,
    small: &[i64],
    half: u64,
    prime: u64,
) {
    match message {
        Some(message) => rounding_with::<V, true>(values, factor, message, small, half, prime),
        None => rounding_with::<V, false>(values, factor, MessageTerm::NONE, small, half, prime),
    }
}

/// [`rounding`] with a message where MESSAGE says so.
#[inline(always)]
fn rounding_with<V: Vector, const MESSAGE: bool>(
    values: &mut [u64],
    factor: Factor,
    message: MessageTerm<'_>,
    small: &[i64],
    half: u64,
    prime: u64,
) {
    let (factor, message_factor) = (Constant::<V>::new(factor), Constant::<V>::new(message.factor));
    let (p, half) = (V::splat(prime), V::splat(half));
    assert_eq!(small.len(), values.len());
    assert!(!MESSAGE || message.coefficients.len() == values.len());
    for at in starts::<V>(values.len()) {
        let at = at..at + V::LANES;
        let small = residue(load_signed(&small[at.clone()]), p);
        // Below 4p.
        let mut sum = factor.times(&values[at.clone()], prime).add(small).add(half);
        if MESSAGE {
            // Below 6p, then below 4p.
            sum = sum.add(message_factor.times(&message.coefficients[at.clone()], prime)).reduce(4 * prime);
        }
        sum.reduce(2 * prime).reduce(prime).store(&mut values[at]);
    }
}

#[inline(always)]
pub fn switched<V: Vector>(
    rounding: &[u64],
    small: &[i64],
    offset: u64,
    factor: Factor,
    message: Option<MessageTerm<'_>>,
    prime: u64,
    output: &mut [u64],
) {
    match message {
        Some(message) => switched_with::<V, true>(rounding, small, offset, factor, message, prime, output),
        None => {
            switched_with::<V, false>(rounding, small, offset, factor, MessageTerm::NONE, prime, output);
        }
    }
}

/// [`switched`] with a message where MESSAGE says so.
#[inline(always)]
fn switched_with<V: Vector, const MESSAGE: bool>(
    rounding: &[u64],
    small: &[i64],
    offset: u64,
    factor: Factor,
    message: MessageTerm<'_>,
    prime: u64,
    output: &mut [u64],
) {
    let (factor, message_factor) = (Constant::<V>::new(factor), Constant::<V>::new(message.factor));
    let offset = V::splat(offset);
    assert!(rounding.len() == output.len() && small.len() == output.len());
    assert!(!MESSAGE || message.coefficients.len() == output.len());
    for at in starts::<V>(output.len()) {
        let at = at..at + V::LANES;
        let difference = load_signed::<V>(&small[at.clone()]).add(offset).sub(V::load(&rounding[at.clone()]));
        let mut sum = difference.multiply(factor.value, factor.quotient, prime);
        if MESSAGE {
            // Below 4p, then below 2p.
            sum = sum.add(message_factor.times(&message.coefficients[at.clone()], prime)).reduce(2 * prime);
        }
        sum.reduce(prime).store(&mut output[at]);
    }
}

#[inline(always)]
pub fn subtract_message<V: Vector>(values: &mut [u64], factor: Factor, message: MessageTerm<'_>, prime: u64) {
    let (factor, message_factor) = (Constant::<V>::new(factor), Constant::<V>::new(message.factor));
    assert_eq!(message.coefficients.len(), values.len());
    for at in starts::<V>(values.len()) {
        let at = at..at + V::LANES;
        let message = message_factor.times(&message.coefficients[at.clone()], prime);
        // From 1 to 4p - 1.
        let difference = factor.times(&values[at.clone()], prime).add(V::splat(2 * prime)).sub(message);
        difference.reduce(2 * prime).reduce(prime).store(&mut values[at]);
    }
}

#[inline(always)]
pub fn largest_centred<V: Vector>(values: &[u64], prime: u64) -> u64 {
    let p = V::splat(prime);
    let mut largest = V::splat(0);
    for at in starts::<V>(values.len()) {
        let value = V::load(&values[at..at + V::LANES]);
        largest = largest.max(value.min(p.sub(value)));
    }
    let mut lanes = [0; 8];
    largest.store(&mut lanes[..V::LANES]);
    lanes.into_iter().fold(0, Ord::max)
}

#[inline(always)]
pub fn uniform<V: Vector>(words: &[u64], prime: u64, output: &mut [u64]) -> (usize, usize) {
    let threshold = prime.wrapping_neg() % prime;
    let accept = V::splat(threshold);
    let (mut read, mut written) = (0, 0);
    while read < words.len() && written < output.len() {
        if words.len() - read >= V::LANES && output.len() - written >= V::LANES {
            let (high, low) = V::load(&words[read..read + V::LANES]).multiply_wide(prime);
            if low.none_below(accept) {
                high.store(&mut output[written..written + V::LANES]);
                read += V::LANES;
                written += V::LANES;
                continue;
            }
        }
        // The vector has a rejected word, or a slice ends: word by word to the vector's end.
        let end = (read + V::LANES).min(words.len());
        while read < end && written < output.len() {
            let product = u128::from(words[read]) * u128::from(prime);
            if product as u64 >= threshold {
                output[written] = (product >> 64) as u64;
                written += 1;
            }
            read += 1;
        }
    }
    (read, written)
}
