//! Between the ciphertext primes and the evaluation primes: exact centred lift one way, scaling by t / Q the
//! other.
//!
//! Both are base conversions as Halevi, Polyakov and Shoup (2019) do them: a number below the product B of a base
//! is `sum_i y_i (B / b_i) - v B` with `y_i = x_i (B / b_i)^-1 mod b_i` and a small `v`, the rounded sum of
//! `y_i / b_i`.

use num_bigint::{BigInt, BigUint};

use super::buffers::{Buffer, Buffers};
use super::kernels::{Kernel, Modulus};
use crate::parameters::inverse;

/// Conversion from the ciphertext primes to the evaluation primes.
#[derive(Debug)]
pub struct Lift {
    from: Vec<Modulus>,
    /// (Q / q_i)^-1 mod q_i.
    inverses: Vec<u64>,
    /// The same divided by N: takes the factor N of an unnormalised inverse transform along.
    inverses_of_scaled: Vec<u64>,
    to: Vec<Modulus>,
    /// Q / q_i mod p_j, by j and i.
    factors: Vec<Vec<u64>>,
    /// Q mod p_j.
    wraps: Vec<u64>,
}

/// A polynomial modulo Q, ready to be lifted to any evaluation prime.
#[derive(Debug)]
pub struct Prepared<'a> {
    /// The `y_i`, ciphertext prime after ciphertext prime.
    digits: Buffer<'a>,
    /// The `v`, one for each coefficient: at most the number of primes.
    wraps: Vec<u8>,
}

impl Lift {
    pub fn new(from: &[u64], to: &[u64], degree: usize) -> Self {
        let product: BigUint = from.iter().map(|&q| BigUint::from(q)).product();
        let cofactors: Vec<BigUint> = from.iter().map(|&q| &product / q).collect();
        let inverses_of = |factor: usize| {
            let inverse = |(&q, cofactor): (&u64, &BigUint)| inverse(residue(&(cofactor * factor), q), q);
            from.iter().zip(&cofactors).map(inverse).collect()
        };
        let factors = to.iter().map(|&p| cofactors.iter().map(|c| residue(c, p)).collect()).collect();
        Self {
            from: from.iter().map(|&q| Modulus::new(q)).collect(),
            inverses: inverses_of(1),
            inverses_of_scaled: inverses_of(degree),
            to: to.iter().map(|&p| Modulus::new(p)).collect(),
            factors,
            wraps: to.iter().map(|&p| residue(&product, p)).collect(),
        }
    }

    /// The part of the work that is the same for every evaluation prime. `coefficients` holds residues modulo the
    /// ciphertext primes, prime after prime.
    pub fn prepare<'a>(&self, kernel: Kernel, coefficients: Buffer<'a>) -> Prepared<'a> {
        self.prepare_with(kernel, coefficients, &self.inverses)
    }

    /// The same for N times the residues.
    pub fn prepare_scaled<'a>(&self, kernel: Kernel, coefficients: Buffer<'a>) -> Prepared<'a> {
        self.prepare_with(kernel, coefficients, &self.inverses_of_scaled)
    }

    fn prepare_with<'a>(&self, kernel: Kernel, coefficients: Buffer<'a>, inverses: &[u64]) -> Prepared<'a> {
        let degree = coefficients.len() / self.from.len();
        let mut digits = coefficients;
        let mut quotients = vec![0.0; degree];
        for ((digits, modulus), &inverse) in digits.chunks_exact_mut(degree).zip(&self.from).zip(inverses) {
            kernel.scale_digits(digits, inverse, *modulus, &mut quotients);
        }
        // A sum of k fractions: at most k. Rounded to the nearest, so the lift is centred.
        let mut wraps = vec![0; degree];
        kernel.round_quotients(&quotients, &mut wraps);
        Prepared { digits, wraps }
    }

    /// Residues modulo evaluation prime `j` of the centred lift.
    pub fn lift(&self, kernel: Kernel, prepared: &Prepared<'_>, j: usize, output: &mut [u64]) {
        kernel.combine(
            &prepared.digits,
            &prepared.wraps,
            &self.factors[j],
            self.wraps[j],
            self.to[j],
            output,
        );
    }
}

/// Conversion back: `round(t x / Q) mod q_i` of a centred number x given modulo the evaluation primes.
#[derive(Debug)]
pub struct Scale {
    from: Vec<Modulus>,
    /// (P / p_j)^-1 / N mod p_j: takes the factor N of an unnormalised inverse transform along.
    inverses: Vec<u64>,
    to: Vec<Modulus>,
    /// floor(t P / (p_j Q)) mod q_i, by i and j.
    factors: Vec<Vec<u64>>,
    /// The fractions of t P / (p_j Q).
    fractions: Vec<f64>,
    /// floor(t P / Q) mod q_i.
    wraps: Vec<u64>,
    /// The fraction of t P / Q.
    wrap_fraction: f64,
}

impl Scale {
    pub fn new(from: &[u64], to: &[u64], t: u64, degree: usize) -> Self {
        let product: BigUint = from.iter().map(|&p| BigUint::from(p)).product();
        let divisor: BigUint = to.iter().map(|&q| BigUint::from(q)).product();
        let split = |numerator: BigUint| {
            let scaled = numerator * t;
            let whole = &scaled / &divisor;
            (fraction(&(scaled - &whole * &divisor), &divisor), whole)
        };
        let cofactors: Vec<BigUint> = from.iter().map(|&p| &product / p).collect();
        let inverses = from.iter().zip(&cofactors).map(|(&p, cofactor)| {
            let unnormalised = u128::from(residue(cofactor, p)) * degree as u128 % u128::from(p);
            inverse(unnormalised as u64, p)
        });
        let inverses = inverses.collect();
        let (fractions, wholes): (Vec<f64>, Vec<BigUint>) = cofactors.into_iter().map(split).unzip();
        let (wrap_fraction, wrap) = split(product);
        Self {
            from: from.iter().map(|&p| Modulus::new(p)).collect(),
            inverses,
            to: to.iter().map(|&q| Modulus::new(q)).collect(),
            factors: to.iter().map(|&q| wholes.iter().map(|whole| residue(whole, q)).collect()).collect(),
            fractions,
            wraps: to.iter().map(|&q| residue(&wrap, q)).collect(),
            wrap_fraction,
        }
    }

    /// Scales `coefficients`, N times the residues modulo the evaluation primes, prime after prime; overwrites
    /// them. The result has residues modulo the ciphertext primes.
    ///
    /// Fractions are kept to 53 bits beside digits of 48, so the rounding errs by a few units. That is a few
    /// units of noise in a ciphertext, where there are 2^40 and more, and never touches what it encrypts.
    pub fn scale<'a>(&self, kernel: Kernel, coefficients: &mut [u64], buffers: &'a Buffers) -> Buffer<'a> {
        let degree = coefficients.len() / self.from.len();
        let mut quotients = vec![0.0; degree];
        for ((digits, modulus), &inverse) in
            coefficients.chunks_exact_mut(degree).zip(&self.from).zip(&self.inverses)
        {
            kernel.scale_digits(digits, inverse, *modulus, &mut quotients);
        }
        let mut wraps = vec![0; degree];
        kernel.round_quotients(&quotients, &mut wraps);
        // The quotients have served: their place is the roundings'.
        let mut roundings = quotients;
        kernel.start_roundings(&wraps, self.wrap_fraction, &mut roundings);
        for (digits, fraction) in coefficients.chunks_exact(degree).zip(&self.fractions) {
            kernel.add_fractions(digits, *fraction, &mut roundings);
        }
        let mut output = buffers.take(degree * self.to.len());
        for (i, output) in output.chunks_exact_mut(degree).enumerate() {
            kernel.combine(coefficients, &wraps, &self.factors[i], self.wraps[i], self.to[i], output);
            // Cut off and not rounded down: one unit of noise more for negative ones.
            kernel.add_rounded(output, &roundings, self.to[i]);
        }
        output
    }
}

/// `round(Q b / t) mod p` for every p: what a bias in all slots is added as, a constant polynomial.
pub fn scaled_constant(b: i128, t: u64, q: &[u64], primes: &[u64]) -> Vec<u64> {
    let product: BigUint = q.iter().map(|&q| BigUint::from(q)).product();
    // Centred, so that the constant stays below Q / 2.
    let centred = {
        let residue = b.rem_euclid(i128::from(t));
        if residue > i128::from(t) / 2 { residue - i128::from(t) } else { residue }
    };
    let doubled: BigInt = BigInt::from(product) * centred * 2 + t;
    let constant = floor_div(&doubled, 2 * u128::from(t));
    primes.iter().map(|&p| (&constant % p + p).magnitude() % p).map(|r| first_digit(&r)).collect()
}

fn floor_div(a: &BigInt, b: u128) -> BigInt {
    let b = BigInt::from(b);
    let remainder = ((a % &b) + &b) % &b;
    (a - remainder) / b
}

fn residue(number: &BigUint, modulus: u64) -> u64 {
    first_digit(&(number % modulus))
}

/// A number below 2^64.
fn first_digit(number: &BigUint) -> u64 {
    number.iter_u64_digits().next().unwrap_or(0)
}

/// `numerator / denominator`, below one, to 53 bits.
fn fraction(numerator: &BigUint, denominator: &BigUint) -> f64 {
    let shifted: BigUint = (numerator << 64u32) / denominator;
    first_digit(&shifted) as f64 / 2f64.powi(64)
}
