//! Packed evaluation: where the values of one image lie in the slots of a ciphertext.
//!
//! A ciphertext has N slots in two rows of `R = N / 2` columns. Rotations move both rows to the left, or swap them. Everything here is
//! positions and integers: nothing is encrypted.
//!
//! | module | holds |
//! | --- | --- |
//! | `input` | [`PackedInput`]: the slots of an image's pixels and of the logits' shares, which the client knows |
//! | `layout` | [`PackedLayout`]: the slots of weights, biases and activations, which the provider knows |
//! | `error` | [`PackedLayoutError`]: why a network does not fit |
//! | `diagonals` | [`Diagonals`]: a matrix product as rotations and slot-wise products |

mod diagonals;
mod error;
mod input;
mod layout;

pub use diagonals::Diagonals;
pub use error::PackedLayoutError;
pub use input::PackedInput;
pub use layout::PackedLayout;
