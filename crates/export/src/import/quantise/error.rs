//! Errors of the rounding of float members.

use sottovoce_network::{EnsembleError, ForwardError, NetworkError, PixelLevelsError};

use crate::import::description::quantisation::Scales;

/// Float members that make no integer ensemble as wanted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QuantiseError {
    /// The rounded weights make no network.
    #[error(
        "member {member} makes no integer network with {levels} pixel levels and the scales {scales}; smaller scales or fewer \
         pixel levels give smaller values, and `scales = \"search\"` finds what is enough"
    )]
    Network {
        /// The member, from 1.
        member: usize,
        /// Pixel levels.
        levels: u16,
        /// The scales.
        scales: Scales,
        /// What is wrong.
        source: NetworkError,
    },
    /// A weight that outgrows its integer.
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
        /// The number to be rounded.
        value: f64,
        /// What an integer holds.
        bits: u32,
    },
    /// The members do not belong together.
    #[error("the members make no ensemble with the scales {scales}; smaller scales give smaller values")]
    Ensemble {
        /// The scales.
        scales: Scales,
        /// What is wrong.
        source: EnsembleError,
    },
    /// No scales are good enough.
    #[error(
        "no scales keep the accuracy within {tolerance} points of the float network's {float:.2} % on {images} images; the \
         best that was found has {best:.2} % with {levels} pixel levels. Raise `quantisation.tolerance`{advice}"
    )]
    NotWithinTolerance {
        /// Points that may be lost.
        tolerance: f64,
        /// The float network's accuracy in per cent.
        float: f64,
        /// Images that it was measured on.
        images: usize,
        /// The best candidate's accuracy in per cent.
        best: f64,
        /// Its pixel levels.
        levels: u16,
        /// What else may help.
        advice: &'static str,
    },
    /// A number of pixel levels that a byte cannot have.
    #[error(transparent)]
    Levels(#[from] PixelLevelsError),
    /// An image that does not fit.
    #[error(transparent)]
    Forward(#[from] ForwardError),
}
