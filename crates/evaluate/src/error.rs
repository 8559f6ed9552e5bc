//! Errors of an evaluation.

use sottovoce_bfv::{BfvError, EngineError, ParametersError};
use sottovoce_network::ForwardError;
use sottovoce_protocol::{Fingerprint, ProtocolError};

/// The reason why an ensemble could not be evaluated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// There is no ensemble to choose parameters for.
    #[error("there are no ensembles to choose encryption parameters for")]
    NoEnsembles,
    /// The policy asks for the observed range, but no range was observed.
    #[error(
        "the exported networks do not record their largest logits on training images; use the proven range instead"
    )]
    NoObservedRange,
    /// An ensemble reads other pixel levels than the encrypted images have.
    #[error("an ensemble reads {found} pixel levels, but the images are encrypted at {expected}")]
    PixelLevels {
        /// Pixel levels of the ensemble.
        found: u16,
        /// Pixel levels of the encrypted images.
        expected: u16,
    },
    /// The session's provider does not have the ensemble.
    #[error(
        "the session's provider has no ensemble with the fingerprint {fingerprint}; a session must be made with every \
         ensemble that it evaluates"
    )]
    UnknownEnsemble {
        /// Fingerprint of the ensemble.
        fingerprint: Fingerprint,
    },
    /// There are no images to classify.
    #[error("there are no test images")]
    NoImages,
    /// There are fewer images than requested.
    #[error("{requested} images were requested, but there are only {available}")]
    TooFewImages {
        /// Number of images requested.
        requested: usize,
        /// Number of images available.
        available: usize,
    },
    /// The float networks and the integer networks are not the same number of members.
    #[error("there are {floats} members in floating point, but {integers} in integers")]
    MemberCount {
        /// Number of float networks.
        floats: usize,
        /// Number of integer networks.
        integers: usize,
    },
    /// The images do not fit the networks.
    #[error("the test images do not fit the exported networks")]
    Images(#[from] ForwardError),
    /// No secure parameters serve the ensembles.
    #[error("there are no encryption parameters for this evaluation")]
    Parameters(#[from] ParametersError),
    /// The engine cannot evaluate the ensemble.
    #[error("the engine cannot evaluate this ensemble")]
    Plan(#[from] EngineError),
    /// Encryption, evaluation or decryption failed.
    #[error("the encrypted evaluation failed")]
    Encrypted(#[from] BfvError),
    /// A message between client and provider was refused.
    #[error("a message between client and provider failed")]
    Protocol(#[source] ProtocolError),
}

/// Errors of the engine and of the encryption keep their own variants, because they name the cause.
impl From<ProtocolError> for EvaluateError {
    fn from(error: ProtocolError) -> Self {
        match error {
            ProtocolError::Plan(error) => error.into(),
            ProtocolError::Bfv(error) => error.into(),
            other => Self::Protocol(other),
        }
    }
}
