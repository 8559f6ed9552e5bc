//! A client's evaluation key: for every channel the relinearisation key and the public key.

use std::io::Read;

use sottovoce_bfv::parts::{KeyParts, PartsError};
use sottovoce_bfv::{EvaluationKey, Parameters};

use super::field;
use crate::reading::MessageReader;
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError};

const MESSAGE: Kind = Kind::Registration;

/// The message and its fingerprint, by which the provider knows the key.
pub fn write(key: &EvaluationKey, fingerprint: Fingerprint) -> Result<(Vec<u8>, Fingerprint), ProtocolError> {
    let primes = key.parameters().ciphertext_primes();
    let parts = key.parts().map_err(|source| ProtocolError::Parts { message: MESSAGE, source })?;
    let mut message = Vec::new();
    let mut writer = MessageWriter::begin(&mut message, MESSAGE, fingerprint)?;
    for KeyParts { seed, digits, public_seed, public } in parts {
        writer.bytes(&seed)?;
        for digit in digits {
            writer.polynomial(&digit, primes)?;
        }
        writer.bytes(&public_seed)?;
        writer.polynomial(&public, primes)?;
    }
    let key = writer.end()?;
    Ok((message, key))
}

/// The fingerprint of the parameters that a message of our own is for: behind magic, version and kind.
pub fn parameters_of(message: &[u8]) -> Option<&[u8]> {
    message.get(8..8 + Fingerprint::BYTES)
}

pub fn read(
    input: impl Read,
    parameters: &Parameters,
    fingerprint: Fingerprint,
) -> Result<(EvaluationKey, Fingerprint), ProtocolError> {
    let (primes, degree) = (parameters.ciphertext_primes(), parameters.degree());
    let mut reader = MessageReader::begin(input, MESSAGE)?;
    reader.same(field::PARAMETERS, fingerprint)?;
    let channels = parameters.channels().iter().map(|_| {
        let seed = reader.array("seeds")?;
        // One for each ciphertext prime.
        let digits = primes.iter().map(|_| Ok(reader.polynomial("polynomials", primes, degree)?.unpack()));
        let digits = digits.collect::<Result<_, ProtocolError>>()?;
        let public_seed = reader.array("seeds")?;
        let public = reader.polynomial("polynomials", primes, degree)?.unpack();
        Ok(KeyParts { seed, digits, public_seed, public })
    });
    // Making a key takes longer than reading one: the checksum comes first.
    let channels = channels.collect::<Result<Vec<_>, ProtocolError>>()?;
    let fingerprint = reader.end()?;
    let mut channels = channels.into_iter();
    // As many as are asked for.
    let next = || channels.next().ok_or(PartsError::Empty);
    let key = EvaluationKey::from_parts(parameters, next);
    let key = key.map_err(|source| ProtocolError::Parts { message: MESSAGE, source })?;
    Ok((key, fingerprint))
}
