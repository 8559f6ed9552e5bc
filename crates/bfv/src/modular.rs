//! Arithmetic modulo primes of at most 63 bits by division: for constants, and for answers as a whole.
//!
//! Loops over polynomials multiply without divisions: see `shoup` and `engine::kernels::modular`.

use fhe_math::zq::primes::generate_prime;

/// The residue of `a b` modulo `prime`.
pub fn product(a: u64, b: u64, prime: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(prime)) as u64
}

/// The inverse of `a` modulo a prime, by Fermat's little theorem. The inverse of 0 is 0.
pub fn inverse(a: u64, prime: u64) -> u64 {
    let (mut power, mut result) = (a, 1);
    let mut exponent = prime - 2;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = product(result, power, prime);
        }
        power = product(power, power, prime);
        exponent >>= 1;
    }
    result
}

/// The residue of the product of `moduli` modulo `modulus`.
pub fn product_of(moduli: &[u64], modulus: u64) -> u64 {
    moduli.iter().fold(1 % modulus, |result, &factor| product(result, factor % modulus, modulus))
}

/// The length of a number in bits.
pub fn bits_of(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// log2 of the product of some numbers.
pub fn log2_of_product(numbers: &[u64]) -> f64 {
    numbers.iter().map(|&number| (number as f64).log2()).sum()
}

/// Returns whether `candidate`, which is congruent to 1 modulo `step`, is prime.
pub fn is_prime(candidate: u64, step: u64) -> bool {
    let bits = bits_of(candidate) as usize;
    // The largest prime below candidate + 1 is the candidate itself exactly when it is prime.
    bits >= 10 && generate_prime(bits, step, candidate + 1) == Some(candidate)
}
