//! A client's evaluation key: for every channel the relinearisation key and the public key.

use std::io::Read;

use sottovoce_bfv::packed::RowLayout;
use sottovoce_bfv::parameters::Channel;
use sottovoce_bfv::parts::{KeyParts, PartsError};
use sottovoce_bfv::{EvaluationKey, Parameters};

use super::field;
use crate::reading::MessageReader;
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError};

const MESSAGE: Kind = Kind::Registration;

/// The message and its fingerprint, by which the provider knows the key.
pub fn write(key: &EvaluationKey, fingerprint: Fingerprint) -> Result<(Vec<u8>, Fingerprint), ProtocolError> {
    let parts = key.parts().map_err(|source| ProtocolError::Parts { message: MESSAGE, source })?;
    let mut message = Vec::new();
    let mut writer = MessageWriter::begin(&mut message, MESSAGE, fingerprint)?;
    for (KeyParts { seed, digits, public_seed, public }, channel) in
        parts.into_iter().zip(key.parameters().channels())
    {
        let layout = channel.upload_layout();
        writer.bytes(&seed)?;
        for digit in digits {
            writer.polynomial(&digit, &layout)?;
        }
        writer.bytes(&public_seed)?;
        writer.polynomial(&public, &key_layout(channel))?;
    }
    let key = writer.end()?;
    Ok((message, key))
}

/// How a public key's polynomial is packed.
fn key_layout(channel: &Channel) -> RowLayout {
    RowLayout::new(channel.degree(), channel.key_primes())
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
    let mut reader = MessageReader::begin(input, MESSAGE)?;
    reader.same(field::PARAMETERS, fingerprint)?;
    let channels = parameters.channels().iter().map(|channel| {
        let seed = reader.array("seeds")?;
        let mut polynomial = |layout: &RowLayout| -> Result<_, ProtocolError> {
            Ok(layout.unpack(&reader.polynomial("polynomials", layout)?))
        };
        let layout = channel.upload_layout();
        // One for each ciphertext prime.
        let digits = layout.primes().map(|_| polynomial(&layout)).collect::<Result<_, _>>()?;
        let public_seed = reader.array("seeds")?;
        let layout = key_layout(channel);
        let public = layout.unpack(&reader.polynomial("polynomials", &layout)?);
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
