//! Why a message was refused, or could not be made.

use std::io;

use sottovoce_bfv::parts::PartsError;
use sottovoce_bfv::{BfvError, ParametersError, PlanError};

use crate::{Fingerprint, Kind};

/// A message that was refused or could not be made. What is refused has changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The message could not be read or written.
    #[error("the {message} message could not be transferred")]
    Transfer {
        /// What was expected or being sent.
        message: Kind,
        /// Why.
        source: io::Error,
    },
    /// The message ends within a field.
    #[error("the {message} message ends within its {field}")]
    Truncated {
        /// What was expected.
        message: Kind,
        /// Where it ends.
        field: &'static str,
    },
    /// A field has a value that it may not have.
    #[error("the {field} of the {message} message is {found}, but must be {allowed}")]
    Field {
        /// What was expected.
        message: Kind,
        /// The field.
        field: &'static str,
        /// Its value.
        found: u64,
        /// The values that it may have, in words.
        allowed: String,
    },
    /// The message speaks of something else than it should.
    #[error("the {field} of the {message} message is {found}, but must be {allowed}")]
    Fingerprint {
        /// What was expected.
        message: Kind,
        /// Whose fingerprint.
        field: &'static str,
        /// What the message says.
        found: Fingerprint,
        /// What it should say.
        allowed: Fingerprint,
    },
    /// The message speaks of something that is not there.
    #[error("the {message} message names the {field} {found}, which is not known here")]
    Unknown {
        /// What was expected.
        message: Kind,
        /// What is not known.
        field: &'static str,
        /// Its fingerprint.
        found: Fingerprint,
    },
    /// Bytes behind the message's end.
    #[error("there are bytes behind the {message} message")]
    Trailing {
        /// What was expected.
        message: Kind,
    },
    /// Parameters that are not secure, cannot work, or are not chosen as here.
    #[error("the parameters message was refused")]
    Parameters(#[from] ParametersError),
    /// A key or a ciphertext that does not fit the parameters.
    #[error("polynomials of the {message} message were refused")]
    Parts {
        /// What was expected.
        message: Kind,
        /// Why.
        source: PartsError,
    },
    /// Polynomials without the seed that the message needs.
    #[error("the {message} message needs the seed of every uniform polynomial, but a ciphertext has none")]
    NoSeed {
        /// What was being sent.
        message: Kind,
    },
    /// The reference evaluator cannot hide a model.
    #[error("the reference evaluator cannot hide a model in its answers; use the engine")]
    Hiding,
    /// A pixel that the model does not read.
    #[error("a pixel is {found}, but the model reads 0 to {largest}")]
    Pixel {
        /// The pixel's value.
        found: u8,
        /// The largest allowed value.
        largest: u8,
    },
    /// An answer to a batch that another key encrypted.
    #[error("the request was made with the key {found}, but this client's is {allowed}")]
    Key {
        /// The request's key.
        found: Fingerprint,
        /// The client's.
        allowed: Fingerprint,
    },
    /// The engine cannot evaluate the model.
    #[error("the model cannot be evaluated under these parameters")]
    Plan(#[from] PlanError),
    /// Encryption, evaluation or decryption failed.
    #[error(transparent)]
    Bfv(#[from] BfvError),
}
