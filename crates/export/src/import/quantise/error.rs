//! Errors of the rounding of float members.

use sottovoce_network::{EnsembleError, ForwardError, NetworkError, PixelLevelsError};

use crate::import::description::quantisation::Scales;

/// Float members that cannot become an integer ensemble.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantiseError {
    /// The rounded weights are no valid network.
    #[error(
        "member {member} cannot be an integer network with {levels} pixel levels and the scales {scales}; smaller scales or fewer \
         pixel levels give smaller values, and `scales = \"search\"` finds scales that fit"
    )]
    Network {
        /// The member, from 1.
        member: usize,
        /// The number of pixel levels.
        levels: u16,
        /// The scales.
        scales: Scales,
        /// The network's error.
        source: NetworkError,
    },
    /// A weight or bias does not fit its integer type.
    #[error(
        "a {what} in the {layer} layer of member {member} would be {value:e} as an integer, which takes more than {bits} \
         bits; use smaller scales, or `scales = \"search\"`"
    )]
    TooLarge {
        /// The member, from 1.
        member: usize,
        /// The layer.
        layer: &'static str,
        /// Weight or bias.
        what: &'static str,
        /// The number before rounding.
        value: f64,
        /// Bits of the integer type.
        bits: u32,
    },
    /// The rounded members are no valid ensemble.
    #[error("the members are no valid ensemble with the scales {scales}; smaller scales give smaller values")]
    Ensemble {
        /// The scales.
        scales: Scales,
        /// The ensemble's error.
        source: EnsembleError,
    },
    /// No scales keep the accuracy.
    #[error(
        "no scales keep the accuracy within {tolerance} points of the float network's {float:.2} % on {images} images; the \
         best ones have {best:.2} % with {levels} pixel levels. Raise `quantisation.tolerance`{advice}"
    )]
    NotWithinTolerance {
        /// Percentage points of accuracy that may be lost.
        tolerance: f64,
        /// The float network's accuracy in per cent.
        float: f64,
        /// Number of images of the measurement.
        images: usize,
        /// The best candidate's accuracy in per cent.
        best: f64,
        /// The best candidate's number of pixel levels.
        levels: u16,
        /// Another suggestion, or nothing.
        advice: &'static str,
    },
    /// The number of pixel levels is not between 2 and 256.
    #[error(transparent)]
    Levels(#[from] PixelLevelsError),
    /// An image has another size than the network's.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}
