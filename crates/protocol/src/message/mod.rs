//! The messages, one file each: how it is written, how it is read. `docs/protocol.md` has them byte by byte.

pub mod answer;
pub mod batch;
pub mod model;
pub mod parameters;
pub mod registration;

use sottovoce_bfv::parts::PartsError;

use crate::{Kind, ProtocolError};

/// Names of fields that several messages have.
pub mod field {
    pub const PARAMETERS: &str = "fingerprint of the parameters";
    pub const MODEL: &str = "fingerprint of the model";
    pub const KEY: &str = "fingerprint of the client's keys";
    pub const BATCH: &str = "fingerprint of the batch";
    pub const PIXELS: &str = "number of pixels";
    pub const CLASSES: &str = "number of classes";
}

/// What can go wrong between bytes and polynomials.
pub enum Refusal {
    Parts(PartsError),
    Protocol(ProtocolError),
}

impl Refusal {
    pub fn of(self, message: Kind) -> ProtocolError {
        match self {
            Self::Parts(source) => ProtocolError::Parts { message, source },
            Self::Protocol(error) => error,
        }
    }
}

impl From<PartsError> for Refusal {
    fn from(error: PartsError) -> Self {
        Self::Parts(error)
    }
}

impl From<ProtocolError> for Refusal {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}
