//! Logits under encryption.

use std::io::Read;

use sottovoce_bfv::noise::Evaluation;
use sottovoce_bfv::packed::RowLayout;
use sottovoce_bfv::parameters::Channel;
use sottovoce_bfv::parts::{CiphertextParts, PartsError};
use sottovoce_bfv::{EncryptedLogits, Parameters};

use super::{Refusal, field};
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

/// How an answer's polynomials are packed.
fn layout(channel: &Channel) -> RowLayout {
    RowLayout::new(channel.degree(), channel.answer_primes())
}

/// The byte that says who evaluated.
fn number(evaluation: Evaluation) -> u8 {
    match evaluation {
        Evaluation::Reference => 0,
        Evaluation::Engine => 1,
    }
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
    writer.bytes(&[number(logits.evaluation())])?;
    for (ciphertexts, channel) in logits.parts().zip(parameters.channels()) {
        let layout = layout(channel);
        // At most 8.
        writer.bytes(&[layout.primes().len() as u8])?;
        for parts in ciphertexts {
            writer.polynomial(&parts.first, &layout)?;
            writer.polynomial(&parts.second, &layout)?;
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
    let evaluation = match reader.between::<1>("evaluator", 0, 1)? {
        0 => Evaluation::Reference,
        _ => Evaluation::Engine,
    };
    let mut channels =
        parameters.channels().iter().flat_map(|channel| (0..classes).map(move |c| (channel, c)));
    let next = || -> Result<_, Refusal> {
        // As many as are asked for.
        let Some((channel, class)) = channels.next() else {
            return Err(PartsError::Empty.into());
        };
        let layout = layout(channel);
        if class == 0 {
            reader.exactly::<1>("number of primes", layout.primes().len())?;
        }
        let mut polynomial = || -> Result<_, ProtocolError> {
            Ok(layout.unpack(&reader.polynomial("ciphertexts", &layout)?).into())
        };
        Ok(CiphertextParts { first: polynomial()?, second: polynomial()? })
    };
    let logits = EncryptedLogits::from_parts(parameters, classes, evaluation, next);
    let logits = logits.map_err(|refusal| refusal.of(MESSAGE))?;
    reader.end()?;
    Ok(logits)
}
