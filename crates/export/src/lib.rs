//! From trained members to the integer networks that encryption evaluates.
//!
//! [`integer_ensemble`] rounds weights and biases of every member onto the grid it was trained for;
//! [`observe`] measures how large the logits become on images, which decides the plaintext modulus.

mod observe;
mod round;

pub use observe::observe;
pub use round::{ExportError, integer_ensemble, integer_network};
