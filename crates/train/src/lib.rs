//! Training of ensemble members: in floating point first, then for integers.
//!
//! Square activations are what encryption can evaluate; they also make training explode easily, so the
//! rate warms up, gradients are clipped, and a run that diverges is retried or reported, never used.
//!
//! 1. **Float phase**: every member is trained on its own part of the images with AdamW, a
//!    one-cycle learning rate and light augmentation.
//! 2. **Equalisation**: scales are folded through the squares so that all rows of a layer have like norms.
//! 3. **Quantisation-aware phase**: weights, biases and pixels are rounded in the forward pass and
//!    gradients pass straight through; a penalty keeps the logits' range small, because the range decides
//!    the plaintext modulus and with it the cost of encryption. With [`TrainingConfig::density`], small weights of the hidden
//!    layer are taken away during the first half. All members of an ensemble share one logit
//!    scale.
//!
//! In both phases the loss is adjusted for how often each label occurs among the member's own images, so that
//! members that saw different labels can be added ([`TrainingConfig::logit_adjustment`]).
//!
//! Members do not depend on each other. [`train_float`] and [`train_quantised`] are the two phases of one member, for callers
//! that run members as separate jobs or share a float network between configurations that differ in the quantised phase only
//! ([`TrainingConfig::float_phase`]); [`train_ensemble`] runs both phases for all members.
//!
//! This is the only crate that knows `burn`.

mod augment;
mod batches;
mod config;
mod curve;
mod elementary;
mod ensemble;
mod equalise;
mod error;
mod fit;
mod float_model;
mod logit_adjustment;
mod loss;
mod member;
mod product;
mod pruning;
mod quantised_model;
#[cfg(test)]
mod tests;

pub use augment::Augmentation;
pub use config::{FloatPhase, TrainingConfig};
pub use curve::{CurveRow, Phase};
pub use ensemble::{Trained, train_ensemble};
pub use error::TrainError;
pub use fit::Progress;
pub use member::{MemberTask, train_float, train_quantised};
