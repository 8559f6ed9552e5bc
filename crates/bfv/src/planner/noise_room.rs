//! Room for noise over primes of given sizes, before the primes are known.

use crate::parameters::limits::ANSWER_ROOM_BITS;
use crate::parameters::prime_sizes::PrimeSizes;

/// The sizes of the primes that an answer keeps.
pub(super) fn answer_primes(degree: usize, t: u64, primes: &PrimeSizes) -> &[usize] {
    let all = primes.hidden_bits();
    let kept = (1..all.len()).filter_map(|count| all.get(..count));
    let enough = |kept: &&[usize]| noise_room_bits(degree, t, kept) >= ANSWER_ROOM_BITS;
    kept.into_iter().find(enough).unwrap_or(all)
}

/// A lower bound on log2(Q / 2t), the largest noise with which a message can be decrypted, over primes of these sizes.
pub(super) fn noise_room_bits(degree: usize, t: u64, prime_bits: &[usize]) -> f64 {
    // Primes are a little below their power of two: of the numbers that are 1 modulo 2N one in 0.35 b is prime. Three times
    // that distance is allowed for each prime, one after the other.
    let below = |(index, &bits): (usize, &usize)| {
        (index + 1) as f64 * 2.1 * (degree * bits) as f64 / (bits as f64).exp2()
    };
    let deficit: f64 = prime_bits.iter().enumerate().map(below).sum();
    prime_bits.iter().sum::<usize>() as f64 - deficit - (t as f64).log2() - 1.0 - 1e-6
}
