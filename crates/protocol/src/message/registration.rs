//! The registration message: the keys that a provider evaluates with.
//!
//! Batched parameters have a relinearisation key and a public key in every channel. Packed parameters have one relinearisation key
//! and one key for every rotation, which serve all channels.

use std::io::Read;

use sottovoce_bfv::compact::LimbLayout;
use sottovoce_bfv::parameters::{Channel, PackedChain};
use sottovoce_bfv::{
    EvaluationKey, KeyResidues, PackedKeyResidues, Parameters, ResiduesError, Seed, SwitchingKeyResidues,
};

use super::field;
use super::header::MessageKind;
use super::reader::MessageReader;
use super::writer::MessageBuilder;
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

const MESSAGE: MessageKind = MessageKind::Registration;
const SEEDS: &str = "seeds";
const POLYNOMIALS: &str = "polynomials";

/// Returns the message and its fingerprint, which names the client's keys.
pub fn write(key: &EvaluationKey, parameters: Fingerprint) -> Result<(Vec<u8>, Fingerprint), ProtocolError> {
    let mut message = MessageBuilder::new(MESSAGE, parameters);
    match (key.parameters().packed(), key.packed_residues()) {
        (Some(chain), Some(keys)) => write_packed(&mut message, key.parameters(), chain, keys)?,
        _ => write_batched(&mut message, key)?,
    }
    Ok(message.finish())
}

fn write_batched(message: &mut MessageBuilder, key: &EvaluationKey) -> Result<(), ProtocolError> {
    let parts = key.residues().map_err(unusable)?;
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
    Ok(())
}

fn write_packed(
    message: &mut MessageBuilder,
    parameters: &Parameters,
    chain: &PackedChain,
    keys: &PackedKeyResidues,
) -> Result<(), ProtocolError> {
    let residues = std::iter::once(&keys.relinearisation).chain(&keys.rotations);
    for (key, primes) in residues.zip(switching_keys(chain)) {
        let layout = switching_key_layout(parameters, primes);
        message.bytes(&key.seed);
        for digit in &key.digits {
            message.polynomial(digit, &layout)?;
        }
    }
    Ok(())
}

/// Returns the layout of a public key's polynomial.
fn public_key_layout(channel: &Channel) -> LimbLayout {
    LimbLayout::new(channel.degree(), channel.key_primes())
}

/// Returns the layout of the polynomials of a key-switching key for `primes` ciphertext primes.
fn switching_key_layout(parameters: &Parameters, primes: usize) -> LimbLayout {
    LimbLayout::new(parameters.degree(), &parameters.switching_key_primes(primes))
}

/// Returns the ciphertext primes of every key-switching key of packed parameters: of the relinearisation key and of the key of every
/// rotation.
pub fn switching_keys(chain: &PackedChain) -> impl Iterator<Item = usize> {
    let rotations = chain.rotations.iter().map(|rotation| rotation.primes);
    std::iter::once(chain.kept.convolution).chain(rotations)
}

fn unusable(source: ResiduesError) -> ProtocolError {
    ProtocolError::Polynomials { message: MESSAGE, source }
}

/// Reads a message for `parameters`. Returns the keys and the fingerprint of the message.
pub fn read(
    input: impl Read,
    parameters: &Parameters,
    fingerprint: Fingerprint,
) -> Result<(EvaluationKey, Fingerprint), ProtocolError> {
    let mut reader = MessageReader::start(input, MESSAGE)?;
    reader.expect_fingerprint(field::PARAMETERS, fingerprint)?;
    match parameters.packed() {
        Some(chain) => read_packed(reader, parameters, chain),
        None => read_batched(reader, parameters),
    }
}

fn read_batched<R: Read>(
    mut reader: MessageReader<R>,
    parameters: &Parameters,
) -> Result<(EvaluationKey, Fingerprint), ProtocolError> {
    let channels = parameters.channels().iter().map(|channel| {
        let seed = reader.array(SEEDS)?;
        let layout = channel.upload_layout();
        // One digit for each ciphertext prime.
        let digits = layout.primes().map(|_| polynomial(&mut reader, &layout)).collect::<Result<_, _>>()?;
        let public_seed = reader.array(SEEDS)?;
        let public = polynomial(&mut reader, &public_key_layout(channel))?;
        Ok(KeyResidues { seed, digits, public_seed, public })
    });
    // The checksum is compared first, because making a key takes longer than reading it.
    let channels = channels.collect::<Result<Vec<_>, ProtocolError>>()?;
    let fingerprint = reader.finish()?;
    let mut channels = channels.into_iter();
    // `from_residues` asks for one item per channel.
    let next = || channels.next().ok_or(ResiduesError::Empty);
    let key = EvaluationKey::from_residues(parameters, next).map_err(unusable)?;
    Ok((key, fingerprint))
}

fn read_packed<R: Read>(
    mut reader: MessageReader<R>,
    parameters: &Parameters,
    chain: &PackedChain,
) -> Result<(EvaluationKey, Fingerprint), ProtocolError> {
    // Grows as keys arrive.
    let mut keys = Vec::new();
    for primes in switching_keys(chain) {
        let seed = reader.array(SEEDS)?;
        let layout = switching_key_layout(parameters, primes);
        // One digit for each ciphertext prime.
        let digits = (0..primes).map(|_| polynomial(&mut reader, &layout)).collect::<Result<_, _>>()?;
        keys.push(SwitchingKeyResidues { seed, digits });
    }
    let fingerprint = reader.finish()?;
    let mut keys = keys.into_iter();
    // `from_packed_residues` asks for one item per key.
    let next = |_: &[u64]| keys.next().ok_or(ResiduesError::Empty);
    let key = EvaluationKey::from_packed_residues(parameters, next).map_err(unusable)?;
    Ok((key, fingerprint))
}

/// Checks the fields and the checksum of a message for packed parameters, and returns its fingerprint. The residues are not compared with
/// their primes: only a client that wrote the message itself reads it in this way, because it needs no evaluation keys.
pub fn read_packed_fingerprint(
    input: impl Read,
    parameters: &Parameters,
    chain: &PackedChain,
    fingerprint: Fingerprint,
) -> Result<Fingerprint, ProtocolError> {
    let mut reader = MessageReader::start(input, MESSAGE)?;
    reader.expect_fingerprint(field::PARAMETERS, fingerprint)?;
    for primes in switching_keys(chain) {
        let _seed: Seed = reader.array(SEEDS)?;
        let layout = switching_key_layout(parameters, primes);
        for _ in 0..primes {
            reader.polynomial(POLYNOMIALS, &layout)?;
        }
    }
    reader.finish()
}

fn polynomial<R: Read>(
    reader: &mut MessageReader<R>,
    layout: &LimbLayout,
) -> Result<Vec<u64>, ProtocolError> {
    Ok(layout.unpack(&reader.polynomial(POLYNOMIALS, layout)?))
}
