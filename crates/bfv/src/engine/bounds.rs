//! How large the numbers become that the engine computes with, and how many evaluation primes hold them.

use num_bigint::BigUint;
use sottovoce_network::{IntegerBlock, IntegerEnsemble, IntegerNetwork};

use super::kernels::NORM_LIMIT;
use super::plan::{EVALUATION_PRIME_BITS, MOST_PRIMES, PlanError};

/// The largest L1 norms of rows: what decides how large an ensemble's intermediate values become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockNorms {
    convolution: i128,
    hidden: i128,
    /// Added up over the members.
    pub output: i128,
}

pub fn norm(block: &IntegerBlock) -> i128 {
    block.row_iter().map(|row| row.iter().map(|w| i128::from(w.unsigned_abs())).sum()).max().unwrap_or(0)
}

impl BlockNorms {
    /// # Errors
    /// If rows are too long for the engine.
    pub fn of(ensemble: &IntegerEnsemble) -> Result<Self, PlanError> {
        let largest = |block: fn(&IntegerNetwork) -> &IntegerBlock| {
            ensemble.members().iter().map(|network| norm(block(network))).max().unwrap_or(0)
        };
        let inputs = ensemble.architecture().activations().max(ensemble.architecture().taps());
        if inputs as u64 >= NORM_LIMIT {
            return Err(PlanError::Inputs { found: inputs, most: NORM_LIMIT as usize });
        }
        Ok(Self {
            convolution: largest(|network| network.convolution()),
            hidden: largest(|network| network.hidden()),
            output: ensemble.members().iter().map(|network| norm(network.output())).sum(),
        })
    }

    /// A bound on the coefficients of every polynomial that is scaled by t / Q.
    ///
    /// Ciphertext polynomials are lifted centred, to at most Q / 2; a product of two has N terms for each coefficient, and
    /// the middle part of a square is there twice: `2 N ((|w| + 1) Q / 2)^2 |v|` behind the first block (one more for
    /// the bias, a constant below Q / 2), and `2 N (Q / 2)^2 |u|` behind the second, with |u| summed over the members.
    pub fn largest_value(&self, q: &BigUint, degree: usize) -> BigUint {
        // Norms are not negative.
        let number = |norm: i128| BigUint::from(norm.unsigned_abs());
        let half = q / 2u32 + 1u32;
        let twice_degree = BigUint::from(2 * degree);
        let first =
            (number(self.convolution + 1) * &half).pow(2) * &twice_degree * number(self.hidden.max(1));
        let second = half.pow(2) * &twice_degree * number(self.output.max(1));
        first.max(second)
    }

    /// How many evaluation primes a ciphertext modulus of `q_bits` bits needs; `None` where there are too many.
    pub fn evaluation_primes(&self, q_bits: usize, degree: usize) -> Option<usize> {
        let largest = self.largest_value(&(BigUint::from(1u32) << q_bits), degree);
        // Primes are below their power of two by less than a thousandth of a bit.
        let count =
            ((largest * HEADROOM).bits() as f64 / (EVALUATION_PRIME_BITS as f64 - 1e-3)).ceil() as usize;
        (count <= MOST_PRIMES).then_some(count)
    }
}

/// The product of the evaluation primes exceeds the largest value so many times: twice for both signs, and four times
/// so that the rounding of a conversion is never in doubt.
pub const HEADROOM: u32 = 8;
