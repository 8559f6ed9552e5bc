//! Ranges of logits: observed over images, and proven for every image.

mod interval;
pub(crate) mod logit_range;
mod proven;
mod quadratic;
mod quadratic_form;
mod symmetric_band;

pub use logit_range::{LogitRange, ObservedRange};
pub use proven::{ProvenRange, RangeMethod};
