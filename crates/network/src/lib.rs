//! Square-activation CNNs as plain numbers: architecture, weights, exact forward passes, proven ranges, files.
//!
//! The networks have the layers convolution -> square -> dense -> square -> dense (paper, Table 1). Their sizes are one
//! [`Architecture`]. A network exists in two forms:
//!
//! - [`FloatNetwork`]: real-valued weights on pixels in `0..=1`, which training produces;
//! - [`IntegerNetwork`]: integer weights on pixels in `0..=L`, which are evaluated under encryption. Its forward pass is
//!   exact and is the **oracle**: every decrypted logit must equal it.
//!
//! Several integer networks with one logit scale form an [`IntegerEnsemble`]. [`disk`] writes it as CSV files and JSON
//! manifests and reads it again. [`ProvenRange`] bounds its logits for every image.
//! [`NetworkSampler`] draws random networks for examples, benchmarks and tests.
//!
//! Every crate that reads or writes files stands on this one. It also has [`atomic_file`], [`access_rights`] and
//! [`UntrustedText`].

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod access_rights;
mod architecture;
pub mod atomic_file;
mod block;
mod checked_integer;
pub mod disk;
mod ensemble;
mod float_network;
mod integer_network;
mod layer_bounds;
mod logits;
mod pixel_levels;
mod ranges;
mod sampler;
mod trained_member;
pub mod untrusted_text;

pub use architecture::{Architecture, ArchitectureError, BlockShape, Padding};
pub use block::{Block, IntegerBlock};
pub use ensemble::{EnsembleError, IntegerEnsemble};
pub use float_network::FloatNetwork;
pub use integer_network::{ForwardError, IntegerNetwork, NetworkError};
pub use layer_bounds::{LayerBounds, RangeTooLarge};
pub use logits::{predict, sum_logits};
pub use pixel_levels::{PixelLevels, PixelLevelsError};
pub use ranges::{LogitRange, ObservedRange, ProvenRange, RangeMethod};
pub use sampler::{NetworkSampler, SamplerError};
pub use trained_member::{Quantisation, TrainedMember};
pub use untrusted_text::UntrustedText;
