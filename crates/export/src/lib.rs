//! Integer networks for encryption, from trained members or from float weights that were trained elsewhere.
//!
//! [`integer_ensemble`] rounds weights and biases of every member to the grid that it was trained for. [`observe_logits`] measures
//! how large the logits become on images, which determines the plaintext modulus. [`choose_votes`] weighs the members by their
//! accuracy on validation images.
//!
//! [`import`] makes integer networks of float weights that were trained elsewhere.

pub mod import;
mod rounding;
mod votes;

pub use rounding::{ExportError, integer_ensemble, integer_network, observe_logits};
pub use votes::{VotesError, choose_votes};
