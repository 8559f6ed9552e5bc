//! Variances given the key.
//!
//! The secret is the same in every ciphertext. At a root x of `X^N + 1` the value `X = |s(x)|^2 / 10 N` is exponentially
//! distributed about 1 (a centred binomial's moments are at most a Gaussian's), and so is `|e(x)|^2 / 10 N` of every error
//! e of the relinearisation key. Y is the mean of the latter over the key's digits. So a variance is followed as a polynomial in X
//! and Y: products of noise multiply polynomials, and the mean of `X^p` is p!, not 1. Average-case models that leave
//! this out are known to be too optimistic behind multiplications (Costache, Laine and Player 2020; Biasioli, Marcolla,
//! Murru and Urani 2025).

#![expect(clippy::indexing_slicing, reason = "powers are capped at the last one that is kept")]

/// The number of powers of the key's factors, 0 to 4: `X` behind the first square's rounding is squared by the second,
/// and `X` of a public-key encryption is squared twice.
pub const POWERS: usize = 5;

/// The number of powers of Y, 0 to 2: a hidden unit's relinearisation is squared once.
const DIGIT_POWERS: usize = 3;

/// A variance at a root as a polynomial in X and Y.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Variance {
    /// By power of X, by power of Y.
    terms: [[f64; DIGIT_POWERS]; POWERS],
}

impl Variance {
    /// `constant + secret X + digits Y`.
    pub fn new(constant: f64, secret: f64, digits: f64) -> Self {
        let mut terms = [[0.0; DIGIT_POWERS]; POWERS];
        terms[0][0] = constant;
        terms[1][0] = secret;
        terms[0][1] = digits;
        Self { terms }
    }

    pub fn plus(mut self, other: Self) -> Self {
        for (sum, term) in self.terms.iter_mut().flatten().zip(other.terms.iter().flatten()) {
            *sum += term;
        }
        self
    }

    pub fn multiplied(mut self, by: f64) -> Self {
        self.terms.iter_mut().flatten().for_each(|term| *term *= by);
        self
    }

    /// The variance of a product. Powers beyond the last one that is kept, which only packed evaluation has, are counted as the last with the same
    /// mean.
    pub fn times(self, other: Self) -> Self {
        let beyond = |power: usize| (POWERS..=power).map(|factor| factor as f64).product::<f64>();
        let mut product = Self::default();
        for (p, row) in self.terms.iter().enumerate() {
            for (q, a) in row.iter().enumerate().filter(|(_, a)| **a != 0.0) {
                for (r, row) in other.terms.iter().enumerate() {
                    for (s, b) in row.iter().enumerate().filter(|(_, b)| **b != 0.0) {
                        product.terms[(p + r).min(POWERS - 1)][(q + s).min(DIGIT_POWERS - 1)] +=
                            a * b * beyond(p + r);
                    }
                }
            }
        }
        product
    }

    /// The variance of a product with a polynomial of that squared norm whose coefficients are as good as random. The square of its value at a root
    /// is distributed as X is: it is counted as one more factor X, which leaves the mean as it is.
    pub fn times_uniform(self, norm: f64) -> Self {
        let mut product = Self::default();
        for (p, row) in self.terms.iter().enumerate() {
            let next = (p + 1).min(POWERS - 1);
            // The mean of X^(p + 1) is p + 1 times that of X^p.
            let ratio = if next > p { (p + 1) as f64 } else { 1.0 };
            for (product, term) in product.terms[next].iter_mut().zip(row) {
                *product += term * norm / ratio;
            }
        }
        product
    }

    /// The mean of as many such variances at different roots. The mean of independent values varies by the square root of their number less, so
    /// the other part of every term is counted as its mean. Terms must not have factors of Y.
    pub fn averaged(mut self, count: f64) -> Self {
        let varying = count.max(1.0).sqrt().recip();
        let mut factorial = 1.0;
        let mut constant = 0.0;
        for (p, row) in self.terms.iter_mut().enumerate().skip(1) {
            factorial *= p as f64;
            constant += row[0] * factorial * (1.0 - varying);
            row[0] *= varying;
        }
        self.terms[0][0] += constant;
        self
    }

    /// The means of the terms over all keys by how many factors of the key they have. `spread` is the variance of Y.
    fn by_power(&self, spread: f64) -> [f64; POWERS] {
        let digits = [1.0, 1.0, 1.0 + spread];
        let mut means = [0.0; POWERS];
        let mut factorial = 1.0;
        for (p, row) in self.terms.iter().enumerate() {
            factorial *= p.max(1) as f64;
            for (q, term) in row.iter().enumerate() {
                means[(p + q).min(POWERS - 1)] += term * factorial * digits[q];
            }
        }
        means
    }

    pub fn deviation(&self, spread: f64) -> Deviation {
        Deviation::new(self.by_power(spread))
    }

    /// The mean over all keys.
    pub fn mean(&self, spread: f64) -> f64 {
        self.by_power(spread).iter().sum()
    }
}

/// The standard deviation of a coefficient of noise, over all keys and all that is drawn for a ciphertext.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    bits: f64,
    /// The share of the variance with each number of factors of the key. The shares add up to 1.
    shares: [f64; POWERS],
}

impl Deviation {
    /// The deviation of a variance, given by its parts' number of factors of the key.
    pub(super) fn new(variances: [f64; POWERS]) -> Self {
        let sum: f64 = variances.iter().sum();
        // Noise below one rounding is counted as one.
        let least = 1.0 / 12.0;
        if sum <= least {
            let mut shares = [0.0; POWERS];
            shares[0] = 1.0;
            return Self { bits: f64::log2(least) / 2.0, shares };
        }
        Self { bits: sum.log2() / 2.0, shares: variances.map(|variance| variance / sum) }
    }

    /// The deviation of a variance with `power` factors of the key.
    pub(super) fn of_power(variance: f64, power: usize) -> Self {
        let mut variances = [0.0; POWERS];
        variances[power.min(POWERS - 1)] = variance;
        Self::new(variances)
    }

    /// The binary logarithm of the standard deviation.
    #[must_use]
    pub fn bits(&self) -> f64 {
        self.bits
    }

    pub(super) fn shares(&self) -> &[f64; POWERS] {
        &self.shares
    }

    /// The noise divided by `2^bits`, and independent noise beside it.
    pub(super) fn divided(&self, bits: f64, beside: &Self) -> Self {
        let parts = |deviation: &Self, bits: f64| {
            let variance = 4f64.powf(deviation.bits - bits);
            deviation.shares.map(|share| share * variance)
        };
        let (mut sum, beside) = (parts(self, bits), parts(beside, 0.0));
        sum.iter_mut().zip(beside).for_each(|(sum, part)| *sum += part);
        Self::new(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn squares_have_the_moments_of_an_exponential_distribution() {
        let x = Variance::new(0.0, 1.0, 0.0);
        let square = x.times(x);
        assert_eq!(square.mean(1.0), 2.0);
        assert_eq!(square.times(square).mean(1.0), 24.0);
        // (1 + X)^2 has the mean 1 + 2 + 2.
        let sum = Variance::new(1.0, 1.0, 0.0);
        assert_eq!(sum.times(sum).mean(1.0), 5.0);
        assert_eq!(sum.times(sum).deviation(1.0).shares(), &[0.2, 0.4, 0.4, 0.0, 0.0]);
        // The mean of four errors' values has the variance 1/4.
        let y = Variance::new(0.0, 0.0, 1.0);
        assert_eq!(y.times(y).mean(0.25), 1.25);
        assert_eq!(x.times(y).mean(0.25), 1.0);
    }

    #[test]
    fn the_mean_of_many_roots_varies_less_and_is_as_large() {
        let noise = Variance::new(2.0, 3.0, 0.0).times_uniform(5.0);
        assert_eq!(noise.mean(0.0), 25.0);
        // 2 X + 3 X^2 / 2, times 5: the squared mean, and the variance of X, X^2 and both.
        let square = |noise: Variance| noise.times(noise).mean(0.0);
        let variance = square(noise) - 625.0;
        assert!((variance - 25.0 * (4.0 + 20.0 * 2.25 + 2.0 * 2.0 * 1.5 * 4.0)).abs() < 1e-9, "{variance}");
        let averaged = noise.averaged(16.0);
        assert!((averaged.mean(0.0) - 25.0).abs() < 1e-12);
        assert!(((square(averaged) - 625.0) * 16.0 - variance).abs() < 1e-9);
    }

    #[test]
    fn noise_that_is_divided_keeps_its_shares() {
        let (noise, rounding) = (Deviation::of_power(4f64.powi(20), 4), Deviation::of_power(4f64.powi(5), 1));
        let answer = noise.divided(15.0, &rounding);
        assert!((answer.bits() - 5.5).abs() < 1e-9);
        assert!((answer.shares()[4] - 0.5).abs() < 1e-9 && (answer.shares()[1] - 0.5).abs() < 1e-9);
    }
}
