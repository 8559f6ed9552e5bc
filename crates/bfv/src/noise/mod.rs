//! How much noise an evaluation is expected to leave, how far it may stray, and how much it really leaves.
//!
//! An average-case estimate: every coefficient of a noise polynomial is taken for a sum of independent terms, and its
//! standard deviation is followed through the network (`estimate`, with the weights' part in `norms`). How often the
//! noise is larger than a multiple of that is bounded in `tail`. `measured` finds the noise that is there, coefficient
//! by coefficient, for whoever has the secret key. The derivation, its assumptions and a comparison of prediction and
//! measurement are in `docs/noise.md`.
//!
//! A run does not rest on the estimate alone: noise is measured at decryption, and too much of it is an error there.

mod estimate;
mod measured;
mod norms;
mod tail;
#[cfg(test)]
mod tests;

use fhe::bfv::{Ciphertext, SecretKey};

pub use estimate::{Evaluation, NoiseEstimate, rerandomised_bits, switching_bits};
pub use measured::{MeasureError, NoiseSubject, RUN_COEFFICIENTS, Stage, StageNoise, measure_stages};
pub use norms::Norms;
pub use tail::{failure_probability_log2, tail_bits};

/// The variance of `fhe`'s secrets and errors: centred binomial, the difference of two sums of 20 bits each.
const VARIANCE: f64 = 10.0;

/// Bits of the largest noise coefficient in a ciphertext.
#[allow(unsafe_code)]
pub(crate) fn measured_bits(secret: &SecretKey, ciphertext: &Ciphertext) -> Result<usize, fhe::Error> {
    // SAFETY: `measure_noise` touches memory safely; it is marked unsafe because its time depends on the
    // noise. Only the client calls it, on its own answers in its own process.
    unsafe { secret.measure_noise(ciphertext) }
}
