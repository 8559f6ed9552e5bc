//! The batch message: encrypted images.

use std::io::{Read, Write};
use std::sync::mpsc::sync_channel;
use std::{panic, thread};

use sha2::Digest as _;
use sottovoce_bfv::compact::{CompactCiphertext, LimbLayout};
use sottovoce_bfv::{EncryptedBatch, Encryption, Parameters, ResiduesError};

use super::field;
use super::header::MessageKind;
use super::reader::{CiphertextError, MessageInput, MessageReader};
use super::writer::MessageWriter;
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

const MESSAGE: MessageKind = MessageKind::Batch;
const CIPHERTEXTS: &str = "ciphertexts";

/// Number of ciphertexts that have been read and wait to be hashed.
const MAX_WAITING_CIPHERTEXTS: usize = 4;

/// Fingerprints at the beginning of a batch message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    pub parameters: Fingerprint,
    pub model: Fingerprint,
    pub key: Fingerprint,
}

/// Returns whether the second polynomial of an image's ciphertext is sent as a seed.
pub fn is_seeded(parameters: &Parameters) -> bool {
    parameters.encryption() == Encryption::SecretKey
}

/// Writes a batch of images of `pixels`, one ciphertext after another. Returns the fingerprint of the message.
pub fn write(
    output: impl Write,
    batch: &EncryptedBatch,
    pixels: usize,
    parameters: &Parameters,
    header: BatchHeader,
) -> Result<Fingerprint, ProtocolError> {
    let mut writer = MessageWriter::start(output, MESSAGE, header.parameters)?;
    writer.bytes(header.model.as_bytes())?;
    writer.bytes(header.key.as_bytes())?;
    // The cast is exact: at most 2^24 pixels.
    writer.bytes(&(pixels as u32).to_le_bytes())?;
    for CompactCiphertext { first, second, seed } in batch.ciphertexts() {
        writer.bytes(first)?;
        match (seed, second) {
            (Some(seed), _) if is_seeded(parameters) => writer.bytes(seed)?,
            (None, Some(second)) if !is_seeded(parameters) => writer.bytes(second)?,
            // A client's own encryption gives seeds exactly where the parameters ask for them.
            _ => return Err(ProtocolError::MissingSeed { message: MESSAGE }),
        }
    }
    writer.finish()
}

/// A batch message of which the header has been read.
pub struct BatchReader<R> {
    reader: MessageReader<R>,
    pub header: BatchHeader,
}

impl<R: Read> BatchReader<R> {
    /// Reads the header of a batch under the keys `key`.
    pub fn start(input: R, parameters: Fingerprint, key: Fingerprint) -> Result<Self, ProtocolError> {
        let mut reader = MessageReader::start(input, MESSAGE)?;
        reader.expect_fingerprint(field::PARAMETERS, parameters)?;
        let model = reader.fingerprint(field::MODEL)?;
        let found = reader.fingerprint(field::KEY)?;
        if found != key {
            return Err(ProtocolError::OtherKeys { message: MESSAGE, found, allowed: key });
        }
        Ok(Self { reader, header: BatchHeader { parameters, model, key } })
    }

    /// Reads the ciphertexts of a batch for a model that reads `pixels`. Returns them with the fingerprint of the message.
    /// A second thread hashes the ciphertexts that have arrived and compares them with their primes, while this thread
    /// reads the next ones.
    #[expect(clippy::indexing_slicing, reason = "parameters have at least one channel")]
    pub fn read_ciphertexts(
        mut self,
        parameters: &Parameters,
        pixels: usize,
    ) -> Result<(EncryptedBatch, Fingerprint), ProtocolError> {
        self.reader.expect_number::<4>(field::PIXELS, pixels)?;
        // All channels have the same layout.
        let layout = parameters.channels()[0].upload_layout();
        let (input, checksum) = self.reader.split();
        let (sender, receiver) = sync_channel(MAX_WAITING_CIPHERTEXTS);
        let next = move || -> Result<_, CiphertextError> {
            // The sender hangs up early only after it has sent an error.
            let ciphertext: CompactCiphertext =
                receiver.recv().unwrap_or(Err(ResiduesError::Empty.into()))?;
            checksum.update(&ciphertext.first);
            ciphertext.seed.iter().for_each(|seed| checksum.update(seed));
            ciphertext.second.iter().for_each(|second| checksum.update(second));
            Ok(ciphertext)
        };
        let batch = thread::scope(|scope| {
            let check = || EncryptedBatch::from_ciphertexts(parameters, pixels, next);
            let checking = thread::Builder::new().spawn_scoped(scope, check);
            let checking = checking.map_err(|source| ProtocolError::Transfer { message: MESSAGE, source })?;
            for _ in 0..parameters.batch_ciphertexts(pixels) * parameters.channels().len() {
                let ciphertext = read_ciphertext(input, &layout, is_seeded(parameters));
                let is_last = ciphertext.is_err();
                // The receiver is gone once it has refused a ciphertext.
                if sender.send(ciphertext.map_err(CiphertextError::from)).is_err() || is_last {
                    break;
                }
            }
            drop(sender);
            let checked = checking.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
            checked.map_err(|error| error.in_message(MESSAGE))
        })?;
        Ok((batch, self.reader.finish()?))
    }
}

fn read_ciphertext<R: Read>(
    input: &mut MessageInput<R>,
    layout: &LimbLayout,
    is_seeded: bool,
) -> Result<CompactCiphertext, ProtocolError> {
    let first = input.polynomial(CIPHERTEXTS, layout)?;
    Ok(if is_seeded {
        CompactCiphertext { first, second: None, seed: Some(input.array(CIPHERTEXTS)?) }
    } else {
        CompactCiphertext { first, second: Some(input.polynomial(CIPHERTEXTS, layout)?), seed: None }
    })
}
