//! Square-activation CNNs as plain numbers: shapes, weights, exact forward passes, weights on disk.
//!
//! The network family (paper, Table 1) is convolution -> square -> dense -> square -> dense; every shape
//! comes from one [`Architecture`]. The same network exists in two forms:
//!
//! - [`FloatNetwork`]: what training produces, real-valued weights on pixels in `0..=1`;
//! - [`IntegerNetwork`]: what encryption evaluates, integer weights on pixels in `0..=L`. Its forward pass
//!   is exact and is the **oracle** that every encrypted logit must equal bit for bit.
//!
//! Several integer networks on one logit scale form an [`IntegerEnsemble`], which is what a provider
//! runs; [`disk`] stores it as CSV files and JSON manifests.

mod architecture;
pub mod atomic_file;
mod block;
mod bounds;
pub mod disk;
mod ensemble;
mod float_network;
mod integer_network;
mod pixel_levels;
mod proof;
mod trained_member;
mod vote;

pub use architecture::{Architecture, ArchitectureError, Padding};
pub use block::Block;
pub use bounds::{Bounds, ObservedRange, RangeTooLarge};
pub use ensemble::{EnsembleError, IntegerEnsemble, sum_logits};
pub use float_network::FloatNetwork;
pub use integer_network::{ForwardError, IntegerBlock, IntegerNetwork, NetworkError};
pub use pixel_levels::{PixelLevels, PixelLevelsError};
pub use proof::{LogitRange, ProvenRange, RangeMethod};
pub use trained_member::{Quantisation, TrainedMember};

/// The index of the largest logit, the first of several equal ones.
///
/// Every domain (float, integer, encrypted) decides by this one rule, so that equal logits give equal
/// predictions.
#[must_use]
pub fn predict<T: PartialOrd>(logits: &[T]) -> usize {
    let mut best = 0;
    for (index, logit) in logits.iter().enumerate() {
        if *logit > logits[best] {
            best = index;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::predict;

    #[test]
    fn the_first_of_equal_logits_wins() {
        assert_eq!(predict(&[1, 3, 3, 2]), 1);
        assert_eq!(predict(&[-1.0, -1.0]), 0);
    }
}
