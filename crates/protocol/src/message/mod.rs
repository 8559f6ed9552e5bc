//! The messages, one file each: how it is written, how it is read. `docs/protocol.md` has them byte by byte.

pub mod answer;
pub mod batch;
pub mod model;
pub mod parameters;
pub mod registration;

use std::borrow::Cow;
use std::io::{Read, Write};

use sottovoce_bfv::parts::{CiphertextParts, PartsError, Second};

use crate::reading::MessageReader;
use crate::writing::MessageWriter;
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

/// Whether second polynomials are seeds.
#[derive(Clone, Copy)]
pub struct Seeded(pub bool);

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

/// Reads the two polynomials of a ciphertext.
fn read_ciphertext<R: Read>(
    reader: &mut MessageReader<R>,
    primes: &[u64],
    degree: usize,
    Seeded(seeded): Seeded,
) -> Result<CiphertextParts<'static>, ProtocolError> {
    let first = Cow::Owned(reader.polynomial("ciphertexts", primes, degree)?);
    let second = if seeded {
        Second::Seed(reader.array("ciphertexts")?)
    } else {
        Second::Residues(Cow::Owned(reader.polynomial("ciphertexts", primes, degree)?))
    };
    Ok(CiphertextParts { first, second })
}

fn write_ciphertext<W: Write>(
    writer: &mut MessageWriter<W>,
    message: Kind,
    parts: &CiphertextParts<'_>,
    primes: &[u64],
    Seeded(seeded): Seeded,
) -> Result<(), ProtocolError> {
    writer.polynomial(&parts.first, primes)?;
    match &parts.second {
        Second::Seed(seed) if seeded => writer.bytes(seed),
        Second::Residues(second) if !seeded => writer.polynomial(second, primes),
        // The client's own encryption gives what its parameters say.
        _ => Err(ProtocolError::NoSeed { message }),
    }
}
