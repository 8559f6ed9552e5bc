//! Ways to read weights between which a file does not decide, and the evidence for one of them.
//!
//! A file of weights does not say in which order the hidden layer's inputs were flattened, where the zeros around the image
//! were, or on which side of a square a BatchNorm was. No file says how pixels were normalised.

pub mod alternatives;
pub mod choice;
pub mod framework_logits;
pub mod reading;
pub mod verification;
