//! The answer message: encrypted logits.

use std::io::Read;

use sottovoce_bfv::compact::LimbLayout;
use sottovoce_bfv::parameters::Channel;
use sottovoce_bfv::{CiphertextResidues, EncryptedLogits, EvaluatorKind, Parameters, ResiduesError};

use super::field;
use super::header::MessageKind;
use super::reader::{CiphertextError, MessageReader};
use super::writer::MessageBuilder;
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

const MESSAGE: MessageKind = MessageKind::Answer;

/// Fingerprints at the beginning of an answer message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerHeader {
    pub parameters: Fingerprint,
    pub model: Fingerprint,
    pub batch: Fingerprint,
}

/// Returns the layout of an answer's polynomials.
fn answer_layout(channel: &Channel) -> LimbLayout {
    LimbLayout::new(channel.degree(), channel.answer_primes())
}

/// Returns the byte that names the evaluator.
fn evaluator_number(evaluation: EvaluatorKind) -> u8 {
    match evaluation {
        EvaluatorKind::Reference => 0,
        EvaluatorKind::Engine => 1,
    }
}

/// Returns the message, for a model with `classes` classes.
pub fn write(
    logits: &EncryptedLogits,
    classes: usize,
    parameters: &Parameters,
    header: AnswerHeader,
) -> Result<Vec<u8>, ProtocolError> {
    let mut message = MessageBuilder::new(MESSAGE, header.parameters);
    message.bytes(header.model.as_bytes());
    message.bytes(header.batch.as_bytes());
    // The cast is exact: at most 256 classes.
    message.bytes(&(classes as u16).to_le_bytes());
    message.bytes(&[evaluator_number(logits.evaluator())]);
    for (ciphertexts, channel) in logits.residues().zip(parameters.channels()) {
        let layout = answer_layout(channel);
        // The cast is exact: at most 8 primes.
        message.bytes(&[layout.primes().len() as u8]);
        for parts in ciphertexts {
            message.polynomial(&parts.first, &layout)?;
            message.polynomial(&parts.second, &layout)?;
        }
    }
    Ok(message.finish().0)
}

/// Reads the answer with the fingerprints in `header` and with `classes` classes, at the level at which the parameters give
/// answers.
pub fn read(
    input: impl Read,
    parameters: &Parameters,
    header: AnswerHeader,
    classes: usize,
) -> Result<EncryptedLogits, ProtocolError> {
    let mut reader = MessageReader::start(input, MESSAGE)?;
    reader.expect_fingerprint(field::PARAMETERS, header.parameters)?;
    reader.expect_fingerprint(field::MODEL, header.model)?;
    reader.expect_fingerprint(field::BATCH, header.batch)?;
    reader.expect_number::<2>(field::CLASSES, classes)?;
    // Only the engine evaluates packed batches.
    let least = usize::from(parameters.packed().is_some());
    let evaluation = match reader.number_between::<1>("evaluator", least, 1)? {
        0 => EvaluatorKind::Reference,
        _ => EvaluatorKind::Engine,
    };
    let count = parameters.answer_ciphertexts(classes);
    let mut ciphertexts =
        parameters.channels().iter().flat_map(|channel| (0..count).map(move |number| (channel, number)));
    let next = || -> Result<_, CiphertextError> {
        // `from_residues` asks for one item per ciphertext.
        let Some((channel, number)) = ciphertexts.next() else {
            return Err(ResiduesError::Empty.into());
        };
        let layout = answer_layout(channel);
        if number == 0 {
            reader.expect_number::<1>("number of primes", layout.primes().len())?;
        }
        let mut polynomial = || -> Result<_, ProtocolError> {
            Ok(layout.unpack(&reader.polynomial("ciphertexts", &layout)?).into())
        };
        Ok(CiphertextResidues { first: polynomial()?, second: polynomial()? })
    };
    let logits = EncryptedLogits::from_residues(parameters, classes, evaluation, next);
    let logits = logits.map_err(|error| error.in_message(MESSAGE))?;
    reader.finish()?;
    Ok(logits)
}
