//! The registration message: for every channel the relinearisation key and the public key of a client.

use std::io::Read;

use sottovoce_bfv::compact::LimbLayout;
use sottovoce_bfv::parameters::Channel;
use sottovoce_bfv::{EvaluationKey, KeyResidues, Parameters, ResiduesError};

use super::field;
use super::header::MessageKind;
use super::reader::MessageReader;
use super::writer::MessageBuilder;
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

const MESSAGE: MessageKind = MessageKind::Registration;

/// Returns the message and its fingerprint, which names the client's keys.
pub fn write(key: &EvaluationKey, parameters: Fingerprint) -> Result<(Vec<u8>, Fingerprint), ProtocolError> {
    let parts = key.residues().map_err(|source| ProtocolError::Polynomials { message: MESSAGE, source })?;
    let mut message = MessageBuilder::new(MESSAGE, parameters);
    for (KeyResidues { seed, digits, public_seed, public }, channel) in
        parts.into_iter().zip(key.parameters().channels())
    {
        let layout = channel.upload_layout();
        message.bytes(&seed);
        for digit in digits {
            message.polynomial(&digit, &layout)?;
        }
        message.bytes(&public_seed);
        message.polynomial(&public, &public_key_layout(channel))?;
    }
    Ok(message.finish())
}

/// Returns the layout of a public key's polynomial.
fn public_key_layout(channel: &Channel) -> LimbLayout {
    LimbLayout::new(channel.degree(), channel.key_primes())
}

/// Reads a message for `parameters`. Returns the keys and the fingerprint of the message.
pub fn read(
    input: impl Read,
    parameters: &Parameters,
    fingerprint: Fingerprint,
) -> Result<(EvaluationKey, Fingerprint), ProtocolError> {
    let mut reader = MessageReader::start(input, MESSAGE)?;
    reader.expect_fingerprint(field::PARAMETERS, fingerprint)?;
    let channels = parameters.channels().iter().map(|channel| {
        let seed = reader.array("seeds")?;
        let mut polynomial = |layout: &LimbLayout| -> Result<_, ProtocolError> {
            Ok(layout.unpack(&reader.polynomial("polynomials", layout)?))
        };
        let layout = channel.upload_layout();
        // One digit for each ciphertext prime.
        let digits = layout.primes().map(|_| polynomial(&layout)).collect::<Result<_, _>>()?;
        let public_seed = reader.array("seeds")?;
        let layout = public_key_layout(channel);
        let public = layout.unpack(&reader.polynomial("polynomials", &layout)?);
        Ok(KeyResidues { seed, digits, public_seed, public })
    });
    // The checksum is compared first, because making a key takes longer than reading it.
    let channels = channels.collect::<Result<Vec<_>, ProtocolError>>()?;
    let fingerprint = reader.finish()?;
    let mut channels = channels.into_iter();
    // `from_residues` asks for one item per channel.
    let next = || channels.next().ok_or(ResiduesError::Empty);
    let key = EvaluationKey::from_residues(parameters, next);
    let key = key.map_err(|source| ProtocolError::Polynomials { message: MESSAGE, source })?;
    Ok((key, fingerprint))
}
