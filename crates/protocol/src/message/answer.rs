//! Logits under encryption.

use std::io::Read;

use sottovoce_bfv::parameters::Channel;
use sottovoce_bfv::{EncryptedLogits, Parameters};

use super::{Refusal, Seeded, field, read_ciphertext, write_ciphertext};
use crate::reading::MessageReader;
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError};

const MESSAGE: Kind = Kind::Answer;

/// What an answer belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    pub parameters: Fingerprint,
    pub model: Fingerprint,
    pub batch: Fingerprint,
}

/// The ciphertext primes that an answer keeps.
pub fn primes(channel: &Channel) -> &[u64] {
    let primes = channel.ciphertext_primes();
    &primes[..primes.len() - channel.answer_level()]
}

pub fn write(
    logits: &EncryptedLogits,
    parameters: &Parameters,
    address: Address,
) -> Result<Vec<u8>, ProtocolError> {
    let mut message = Vec::new();
    let mut writer = MessageWriter::begin(&mut message, MESSAGE, address.parameters)?;
    writer.bytes(address.model.as_bytes())?;
    writer.bytes(address.batch.as_bytes())?;
    // At most 256.
    writer.bytes(&(logits.classes() as u16).to_le_bytes())?;
    for (ciphertexts, channel) in logits.parts().zip(parameters.channels()) {
        let primes = primes(channel);
        // At most 8.
        writer.bytes(&[primes.len() as u8])?;
        for parts in ciphertexts {
            write_ciphertext(&mut writer, MESSAGE, &parts, primes, Seeded(false))?;
        }
    }
    writer.end()?;
    Ok(message)
}

/// Reads the answer that was asked for: of so many classes, at the level that the parameters give answers.
pub fn read(
    input: impl Read,
    parameters: &Parameters,
    address: Address,
    classes: usize,
) -> Result<EncryptedLogits, ProtocolError> {
    let mut reader = MessageReader::begin(input, MESSAGE)?;
    reader.same(field::PARAMETERS, address.parameters)?;
    reader.same(field::MODEL, address.model)?;
    reader.same(field::BATCH, address.batch)?;
    reader.exactly::<2>(field::CLASSES, classes)?;
    let mut channels =
        parameters.channels().iter().flat_map(|channel| (0..classes).map(move |c| (channel, c)));
    let next = || -> Result<_, Refusal> {
        // As many as are asked for.
        let Some((channel, class)) = channels.next() else {
            return Err(sottovoce_bfv::parts::PartsError::Empty.into());
        };
        let primes = primes(channel);
        if class == 0 {
            reader.exactly::<1>("number of primes", primes.len())?;
        }
        Ok(read_ciphertext(&mut reader, primes, channel.degree(), Seeded(false))?)
    };
    let logits = EncryptedLogits::from_parts(parameters, classes, next);
    let logits = logits.map_err(|refusal| refusal.of(MESSAGE))?;
    reader.end()?;
    Ok(logits)
}
