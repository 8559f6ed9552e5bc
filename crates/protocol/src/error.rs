//! Errors of messages.

use std::io;

use sottovoce_bfv::packed::PackedLayoutError;
use sottovoce_bfv::{BfvError, EngineError, ParametersError, ResiduesError};

use crate::fingerprint::Fingerprint;
use crate::message::header::MessageKind;

/// A message was refused or could not be made. A refused message has changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The message could not be read from its input or written to its output.
    #[error("the {message} message could not be transferred")]
    Transfer {
        /// Kind of the expected or written message.
        message: MessageKind,
        /// Error of the input or output.
        source: io::Error,
    },
    /// The message ends within a field.
    #[error("the {message} message ends within its {field}")]
    Truncated {
        /// Kind of the expected message.
        message: MessageKind,
        /// Field in which the message ends.
        field: &'static str,
    },
    /// A field has a value that is not allowed.
    #[error("the {field} of the {message} message is {found}, but must be {allowed}")]
    InvalidField {
        /// Kind of the expected message.
        message: MessageKind,
        /// Name of the field.
        field: &'static str,
        /// Value of the field.
        found: u64,
        /// Allowed values, in words.
        allowed: String,
    },
    /// The message names other parameters, another model or another batch than the expected one.
    #[error("the {field} of the {message} message is {found}, but must be {allowed}")]
    WrongFingerprint {
        /// Kind of the expected message.
        message: MessageKind,
        /// Name of the field.
        field: &'static str,
        /// Fingerprint in the message.
        found: Fingerprint,
        /// Expected fingerprint.
        allowed: Fingerprint,
    },
    /// The batch is for a model that the provider does not have.
    #[error("the batch message names the model {found}, which is not known here")]
    UnknownModel {
        /// Fingerprint of the model.
        found: Fingerprint,
    },
    /// The batch is encrypted under other keys than those of its sender, or the registration is of other keys.
    #[error("the {message} message belongs to the keys {found}, but must belong to the keys {allowed}")]
    OtherKeys {
        /// Kind of the message.
        message: MessageKind,
        /// Fingerprint of the keys.
        found: Fingerprint,
        /// Fingerprint of the sender's keys.
        allowed: Fingerprint,
    },
    /// Bytes follow the end of the message.
    #[error("bytes follow the end of the {message} message")]
    TrailingBytes {
        /// Kind of the expected message.
        message: MessageKind,
    },
    /// The parameters are not secure, cannot work, or have other primes than this program chooses.
    #[error("the parameters message was refused")]
    Parameters(#[from] ParametersError),
    /// A key or ciphertext does not fit the parameters.
    #[error("polynomials of the {message} message were refused")]
    Polynomials {
        /// Kind of the message.
        message: MessageKind,
        /// Reason.
        source: ResiduesError,
    },
    /// A ciphertext lacks the seed that the message needs in place of its uniform polynomial.
    #[error("the {message} message needs the seed of every uniform polynomial, but a ciphertext has none")]
    MissingSeed {
        /// Kind of the written message.
        message: MessageKind,
    },
    /// The model does not fit in the slots of packed parameters.
    #[error(transparent)]
    PackedLayout(#[from] PackedLayoutError),
    /// The packed parameters were chosen for other models.
    #[error(
        "the model needs a key of {primes} primes for the rotation by {steps} columns, which the packed parameters do not \
         have; choose parameters for all models together"
    )]
    MissingRotation {
        /// Columns of the rotation, 0 for the swap of the rows.
        steps: usize,
        /// Ciphertext primes that its key must have.
        primes: usize,
    },
    /// Packed evaluation cannot do what was asked for.
    #[error("packed evaluation has no {what}; {instead}")]
    PackedUnsupported {
        /// The missing ability.
        what: &'static str,
        /// The alternative.
        instead: &'static str,
    },
    /// The reference evaluator cannot hide a model.
    #[error("the reference evaluator cannot hide a model in its answers; use the engine")]
    FloodingUnsupported,
    /// A pixel exceeds the model's levels.
    #[error("a pixel is {found}, but the model reads 0 to {largest}")]
    PixelOutOfRange {
        /// Value of the pixel.
        found: u8,
        /// Largest allowed value.
        largest: u8,
    },
    /// The answer belongs to a batch that was encrypted with other keys.
    #[error("the request was made with the keys {found}, but this client's keys are {allowed}")]
    WrongKey {
        /// Fingerprint of the keys of the request.
        found: Fingerprint,
        /// Fingerprint of the client's keys.
        allowed: Fingerprint,
    },
    /// The engine cannot evaluate the model.
    #[error("the model cannot be evaluated under these parameters")]
    Plan(#[from] EngineError),
    /// Encryption, evaluation or decryption failed.
    #[error(transparent)]
    Bfv(#[from] BfvError),
}
