//! From trained members to the integer networks that encryption evaluates.
//!
//! [`integer_ensemble`] rounds weights and biases of every member onto the grid it was trained for;
//! [`observe`] measures how large the logits become on images, which decides the plaintext modulus;
//! [`choose_votes`] weighs the members against each other by images that were held out from training.
//!
//! [`import`] makes integer networks of float weights that were trained elsewhere.

pub mod import;
mod observe;
mod round;
mod votes;

pub use observe::observe;
pub use round::{ExportError, integer_ensemble, integer_network};
pub use votes::{VotesError, choose_votes};
