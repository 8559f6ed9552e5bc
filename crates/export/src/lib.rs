//! Integer networks for encryption, from trained members or from float weights that were trained elsewhere.
//!
//! [`round_members`] rounds weights and biases of every member to the grid that it was trained for. [`observe_logits`] measures
//! how large the logits become on images, which determines the plaintext modulus. [`choose_votes`] weighs the members by their
//! accuracy on validation images.
//!
//! [`import`] makes integer networks of float weights that were trained elsewhere.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod import;
mod rounding;
mod votes;

pub use rounding::{ExportError, observe_logits, round_member, round_members};
pub use votes::{VotesError, choose_votes};
