//! How much noise an evaluation is expected to leave, how far it may stray, and how much it really leaves.
//!
//! An average-case estimate: every coefficient of a noise polynomial is taken for a sum of independent terms, and its
//! standard deviation is followed through the network (`engine` and `reference`, with the weights' part in `norms` and
//! `moments`, and the key's in `variance`). How often the noise is larger than a multiple of that is bounded in `tail`. `measured` finds the noise that is there, coefficient
//! by coefficient, for whoever has the secret key. The derivation, its assumptions and a comparison of prediction and
//! measurement are in `docs/noise.md`.
//!
//! A run does not rest on the estimate alone: noise is measured at decryption, and too much of it is an error there.

mod engine;
mod estimate;
mod measured;
mod moments;
mod norms;
mod reference;
mod tail;
#[cfg(test)]
mod tests;
mod variance;

pub use estimate::{Evaluation, NoiseEstimate, switching_bits};
pub use measured::{MeasureError, NoiseSubject, RUN_COEFFICIENTS, StageNoise, measure_stages};
pub use norms::Norms;
pub use tail::{Tail, failure_probability_log2};
pub use variance::Deviation;

/// The variance of `fhe`'s secrets and errors: centred binomial, the difference of two sums of 20 bits each.
const VARIANCE: f64 = 10.0;

/// Where noise is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Freshly encrypted pixels.
    Fresh,
    /// The hidden units, before their square.
    Hidden,
    /// The members' sum, with all primes that hidden units keep.
    Logits,
    /// The same, switched to the primes that an answer keeps.
    Answer,
}
