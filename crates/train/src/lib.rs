//! Training of ensemble members: in floating point first, then for integers.
//!
//! Square activations are what encryption can evaluate; they also make training explode easily, so the
//! rate warms up, gradients are clipped, and a run that diverges is retried or reported, never used.
//!
//! 1. **Float phase**: [`train_ensemble`] trains every member on its own part of the images with AdamW, a
//!    one-cycle learning rate and light augmentation.
//! 2. **Equalisation**: scales are folded through the squares so that all rows of a layer have like norms.
//! 3. **Quantisation-aware phase**: weights, biases and pixels are rounded in the forward pass and
//!    gradients pass straight through; a penalty keeps the logits' range small, because the range decides
//!    the plaintext modulus and with it the cost of encryption. All members of an ensemble share one logit
//!    scale.
//!
//! In both phases the loss is adjusted for how often each label occurs among the member's own images, so that
//! members that saw different labels can be added ([`TrainingConfig::logit_adjustment`]).
//!
//! This is the only crate that knows `burn`.

mod augment;
mod batches;
mod config;
mod curve;
mod ensemble;
mod equalise;
mod fit;
mod float_model;
mod logit_adjustment;
mod quantised_model;
#[cfg(test)]
mod tests;

pub use augment::Augmentation;
pub use config::TrainingConfig;
pub use curve::{CurveRow, Phase};
pub use ensemble::{TrainError, Trained, train_ensemble};
pub use fit::Progress;
