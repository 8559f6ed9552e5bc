//! The stages of an evaluation at which noise is predicted and measured.

use super::variance::Deviation;
use crate::parameters::limits::ERROR_VARIANCE;

/// The variance of the coefficients of secrets and errors.
pub const VARIANCE: f64 = ERROR_VARIANCE as f64;

/// A stage of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NoiseStage {
    /// Freshly encrypted pixels.
    Fresh,
    /// The hidden units, before their square.
    Hidden,
    /// The members' sum, with all primes that hidden units keep.
    Logits,
    /// The members' sum, switched down to the primes that an answer keeps.
    Answer,
}

/// The noise of one evaluator at each stage.
pub struct StageDeviations {
    pub fresh: Deviation,
    /// In the noisiest hidden unit before its modulus is switched down.
    pub products: Deviation,
    pub hidden: Deviation,
    pub logits: Deviation,
    /// True if any logit depends on a pixel.
    pub reads_pixels: bool,
}
