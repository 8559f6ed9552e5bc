//! The standard deviation of the noise at every stage of an evaluation.

use super::engine_noise::EngineNoise;
use super::packed_noise::PackedStages;
use super::reference_noise::ReferenceNoise;
use super::stage::{NoiseStage, StageDeviations, VARIANCE};
use super::tail::TailBound;
use super::variance::Deviation;
use super::weight_norms::WeightNorms;
use crate::evaluation::EvaluatorKind;
use crate::parameters::encryption::Encryption;
use crate::parameters::prime_sizes::PrimeSizes;

/// The expected noise of one evaluation, as binary logarithms of a coefficient's standard deviation. Noise below that of one
/// rounding (-1.8 bits) is counted as one rounding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseEstimate {
    /// The noise of a fresh encryption.
    pub fresh: f64,
    /// The noise of the noisiest hidden unit; for the engine, with the primes that hidden units keep.
    pub hidden: f64,
    /// The noise of the noisiest class of the members' sum or of a member, with the primes of hidden units.
    pub logits: f64,
    /// By stage, without the answer's.
    deviations: [Deviation; 3],
    /// The noise of the engine's noisiest hidden unit before its modulus is switched down.
    products: Deviation,
    /// The noise that switching the modulus down adds to an answer.
    rounding: Deviation,
    reads_pixels: bool,
}

impl NoiseEstimate {
    /// Estimates the noise for plaintext modulus `t` and ciphertext primes of these sizes.
    #[must_use]
    pub fn new(
        norms: &WeightNorms,
        evaluator: EvaluatorKind,
        encryption: Encryption,
        degree: usize,
        t: u64,
        primes: &PrimeSizes,
    ) -> Self {
        let StageDeviations { fresh, products, hidden, logits, reads_pixels } = match evaluator {
            EvaluatorKind::Engine => EngineNoise::new(encryption, degree, t, primes).stages(norms),
            EvaluatorKind::Reference => ReferenceNoise::new(encryption, degree, t, primes).stages(norms),
        };
        Self {
            fresh: fresh.bits(),
            hidden: hidden.bits(),
            logits: logits.bits(),
            deviations: [fresh, hidden, logits],
            products,
            // A ciphertext of only biases has no second polynomial, so its rounding is not multiplied by the secret.
            rounding: if reads_pixels { switching_deviation(degree) } else { Deviation::of_power(0.0, 0) },
            reads_pixels,
        }
    }

    /// The noise of a packed evaluation.
    #[must_use]
    pub fn of_packed(stages: &PackedStages, degree: usize) -> Self {
        let PackedStages { fresh, products, hidden, logits, .. } = *stages;
        Self {
            fresh: fresh.bits(),
            hidden: hidden.bits(),
            logits: logits.bits(),
            deviations: [fresh, hidden, logits],
            products,
            rounding: switching_deviation(degree),
            reads_pixels: true,
        }
    }

    /// Returns whether any logit depends on a pixel. The noise of a logit that does not is only a bound, and may be far smaller than
    /// estimated.
    #[must_use]
    pub fn reads_pixels(&self) -> bool {
        self.reads_pixels
    }

    /// The deviation at a stage. For an answer, the logits are switched down to a modulus that is smaller by `dropped_bits`.
    #[must_use]
    pub fn deviation(&self, stage: NoiseStage, dropped_bits: f64) -> Deviation {
        let [fresh, hidden, logits] = self.deviations;
        match stage {
            NoiseStage::Fresh => fresh,
            NoiseStage::Hidden => hidden,
            NoiseStage::Logits => logits,
            NoiseStage::Answer if dropped_bits > 0.0 => logits.divided(dropped_bits, &self.rounding),
            NoiseStage::Answer => logits,
        }
    }

    /// The deviation of the engine's noisiest hidden unit before its modulus is switched down; for the reference, of a hidden unit.
    #[must_use]
    pub fn products(&self) -> Deviation {
        self.products
    }

    /// The standard deviation in bits of an answer that was switched down to a modulus that is smaller by `dropped_bits`.
    #[must_use]
    pub fn answer(&self, dropped_bits: f64) -> f64 {
        self.deviation(NoiseStage::Answer, dropped_bits).bits()
    }

    /// The bound in bits that no coefficient exceeds in the noisiest stage before the answer.
    #[must_use]
    pub fn largest_bound(&self, tail: &TailBound) -> f64 {
        self.deviations.iter().map(|deviation| tail.bound(deviation)).fold(0.0, f64::max)
    }
}

/// The deviation that switching a modulus down adds: c0 and c1 are rounded, and the second rounding is multiplied by the secret,
/// `sqrt((10 N + 1) / 12)`. An encryption of zero that re-randomises an answer has the same noise, because it has been switched
/// down.
pub fn switching_deviation(degree: usize) -> Deviation {
    Deviation::new([1.0 / 12.0, VARIANCE * degree as f64 / 12.0, 0.0, 0.0, 0.0])
}
