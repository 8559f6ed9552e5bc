//! The messages, one file each: how it is written, how it is read. `docs/protocol.md` has them byte by byte.

pub mod answer;
pub mod batch;
pub mod model;
pub mod parameters;
pub mod registration;

use std::borrow::Cow;
use std::io::{Read, Write};

use sottovoce_bfv::parts::{CiphertextParts, PartsError, Second, Seed};

use crate::packing::PackedPolynomial;
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

/// A ciphertext's two polynomials as they came: less bytes than the ciphertext takes.
struct PackedCiphertext<'p> {
    first: PackedPolynomial<'p>,
    second: PackedSecond<'p>,
}

enum PackedSecond<'p> {
    Polynomial(PackedPolynomial<'p>),
    Seed(Seed),
}

/// Unpacks them.
impl From<PackedCiphertext<'_>> for CiphertextParts<'static> {
    fn from(packed: PackedCiphertext<'_>) -> Self {
        let first = Cow::Owned(packed.first.unpack());
        let second = match packed.second {
            PackedSecond::Polynomial(second) => Second::Residues(Cow::Owned(second.unpack())),
            PackedSecond::Seed(seed) => Second::Seed(seed),
        };
        Self { first, second }
    }
}

/// Reads the two polynomials of a ciphertext.
fn read_ciphertext<'p, R: Read>(
    reader: &mut MessageReader<R>,
    primes: &'p [u64],
    degree: usize,
    Seeded(seeded): Seeded,
) -> Result<PackedCiphertext<'p>, ProtocolError> {
    let first = reader.polynomial("ciphertexts", primes, degree)?;
    let second = if seeded {
        PackedSecond::Seed(reader.array("ciphertexts")?)
    } else {
        PackedSecond::Polynomial(reader.polynomial("ciphertexts", primes, degree)?)
    };
    Ok(PackedCiphertext { first, second })
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
