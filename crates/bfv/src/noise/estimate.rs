//! The standard deviation of the noise after every part of an evaluation.

use super::engine::Engine;
use super::norms::Norms;
use super::reference::Reference;
use super::tail::Tail;
use super::variance::Deviation;
use super::{Stage, VARIANCE};
use crate::Encryption;
use crate::parameters::PrimeSizes;

/// Who evaluates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Evaluation {
    /// [`Engine`](crate::Engine).
    Engine,
    /// [`ReferenceEvaluator`](crate::ReferenceEvaluator).
    Reference,
}

/// The expected noise of one evaluation, as binary logarithms of a coefficient's standard deviation. Noise below one
/// rounding (-1.8 bits) is counted as one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseEstimate {
    /// In a fresh encryption.
    pub fresh: f64,
    /// In the noisiest hidden unit; in the engine with the primes that hidden units keep.
    pub hidden: f64,
    /// In the noisiest class of the members' sum or of a member, with the primes of hidden units.
    pub logits: f64,
    /// By stage, without the answer.
    deviations: [Deviation; 3],
    /// In the engine's noisiest hidden unit before it loses primes.
    products: Deviation,
    /// What dropping primes adds to an answer.
    rounding: Deviation,
    reads_pixels: bool,
}

/// The noise that one evaluator leaves.
pub(super) struct Stages {
    pub fresh: Deviation,
    pub products: Deviation,
    pub hidden: Deviation,
    pub logits: Deviation,
    /// Whether any logit depends on a pixel.
    pub reads_pixels: bool,
}

impl NoiseEstimate {
    /// Estimates the noise for plaintext modulus `t` and ciphertext primes of these sizes.
    #[must_use]
    pub fn new(
        norms: &Norms,
        evaluation: Evaluation,
        encryption: Encryption,
        degree: usize,
        t: u64,
        primes: &PrimeSizes,
    ) -> Self {
        let Stages { fresh, products, hidden, logits, reads_pixels } = match evaluation {
            Evaluation::Engine => Engine::new(encryption, degree, t, primes).stages(norms),
            Evaluation::Reference => Reference::new(encryption, degree, t, primes).stages(norms),
        };
        Self {
            fresh: fresh.bits(),
            hidden: hidden.bits(),
            logits: logits.bits(),
            deviations: [fresh, hidden, logits],
            products,
            // Biases alone have no second part, and are rounded without the secret.
            rounding: if reads_pixels { rounding(degree) } else { Deviation::of_power(0.0, 0) },
            reads_pixels,
        }
    }

    /// Whether any logit depends on a pixel. The noise of one that does not is a bound for a constant, and may be far smaller
    /// than estimated.
    #[must_use]
    pub fn reads_pixels(&self) -> bool {
        self.reads_pixels
    }

    /// The deviation at a stage; of an answer, after the logits were switched to a modulus that is smaller by `dropped_bits`.
    #[must_use]
    pub fn deviation(&self, stage: Stage, dropped_bits: f64) -> Deviation {
        let [fresh, hidden, logits] = self.deviations;
        match stage {
            Stage::Fresh => fresh,
            Stage::Hidden => hidden,
            Stage::Logits => logits,
            Stage::Answer if dropped_bits > 0.0 => logits.divided(dropped_bits, &self.rounding),
            Stage::Answer => logits,
        }
    }

    /// The deviation in the engine's noisiest hidden unit before it loses primes; for the reference, in a hidden unit.
    #[must_use]
    pub fn products(&self) -> Deviation {
        self.products
    }

    /// The standard deviation in bits after the answer was switched to a modulus that is smaller by `dropped_bits`.
    #[must_use]
    pub fn answer(&self, dropped_bits: f64) -> f64 {
        self.deviation(Stage::Answer, dropped_bits).bits()
    }

    /// What no coefficient exceeds in the noisiest stage before the answer, in bits.
    #[must_use]
    pub fn largest_bound(&self, tail: &Tail) -> f64 {
        self.deviations.iter().map(|deviation| tail.bound(deviation)).fold(0.0, f64::max)
    }
}

/// Bits of standard deviation that switching a ciphertext to fewer primes adds: c0 and c1 are rounded, and the second
/// rounding is multiplied by the secret, `sqrt((10 N + 1) / 12)`. It is also what an encryption of zero has that an answer
/// is made anew with: that has been switched down.
#[must_use]
pub fn switching_bits(degree: usize) -> f64 {
    rounding(degree).bits()
}

fn rounding(degree: usize) -> Deviation {
    Deviation::new([1.0 / 12.0, VARIANCE * degree as f64 / 12.0, 0.0, 0.0, 0.0])
}
