//! Images under encryption.

use std::io::{Read, Write};
use std::sync::mpsc::sync_channel;
use std::{panic, thread};

use sha2::Digest as _;
use sottovoce_bfv::packed::{PackedCiphertext, RowLayout};
use sottovoce_bfv::parts::PartsError;
use sottovoce_bfv::{EncryptedBatch, Encryption, Parameters};

use super::{Refusal, field};
use crate::reading::{MessageInput, MessageReader};
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError};

const MESSAGE: Kind = Kind::Batch;
const CIPHERTEXTS: &str = "ciphertexts";

/// Ciphertexts that have been read and wait to be summed up.
const WAITING_CIPHERTEXTS: usize = 4;

/// What a batch says before its ciphertexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    pub parameters: Fingerprint,
    pub model: Fingerprint,
    pub key: Fingerprint,
}

/// Whether second polynomials of ciphertexts of images are seeds.
pub fn is_seeded(parameters: &Parameters) -> bool {
    parameters.encryption() == Encryption::SecretKey
}

/// Writes a batch, ciphertext after ciphertext; its fingerprint.
pub fn write(
    output: impl Write,
    batch: &EncryptedBatch,
    parameters: &Parameters,
    address: Address,
) -> Result<Fingerprint, ProtocolError> {
    let mut writer = MessageWriter::begin(output, MESSAGE, address.parameters)?;
    writer.bytes(address.model.as_bytes())?;
    writer.bytes(address.key.as_bytes())?;
    // At most 2^24.
    writer.bytes(&(batch.pixels() as u32).to_le_bytes())?;
    for PackedCiphertext { first, second, seed } in batch.ciphertexts() {
        writer.bytes(first)?;
        match (seed, second) {
            (Some(seed), _) if is_seeded(parameters) => writer.bytes(seed)?,
            (None, Some(second)) if !is_seeded(parameters) => writer.bytes(second)?,
            // The client's own encryption gives what its parameters say.
            _ => return Err(ProtocolError::NoSeed { message: MESSAGE }),
        }
    }
    writer.end()
}

/// A batch of which the beginning is read.
pub struct Incoming<R> {
    reader: MessageReader<R>,
    pub address: Address,
}

impl<R: Read> Incoming<R> {
    pub fn begin(input: R, parameters: Fingerprint) -> Result<Self, ProtocolError> {
        let mut reader = MessageReader::begin(input, MESSAGE)?;
        reader.same(field::PARAMETERS, parameters)?;
        let model = reader.fingerprint(field::MODEL)?;
        let key = reader.fingerprint(field::KEY)?;
        Ok(Self { reader, address: Address { parameters, model, key } })
    }

    /// The rest, of a batch for a model that reads `pixels`; the message's fingerprint. A second thread sums up the
    /// ciphertexts that have come, and compares them with their primes, while the next are read.
    pub fn ciphertexts(
        mut self,
        parameters: &Parameters,
        pixels: usize,
    ) -> Result<(EncryptedBatch, Fingerprint), ProtocolError> {
        self.reader.exactly::<4>(field::PIXELS, pixels)?;
        // The same in every channel.
        let layout = parameters.channels()[0].upload_layout();
        let (input, sum) = self.reader.halves();
        let (sender, receiver) = sync_channel(WAITING_CIPHERTEXTS);
        let next = move || -> Result<_, Refusal> {
            // As many come as are asked for, but for those behind an error.
            let ciphertext: PackedCiphertext = receiver.recv().unwrap_or(Err(PartsError::Empty.into()))?;
            sum.update(&ciphertext.first);
            ciphertext.seed.iter().for_each(|seed| sum.update(seed));
            ciphertext.second.iter().for_each(|second| sum.update(second));
            Ok(ciphertext)
        };
        let batch = thread::scope(|scope| {
            let made = || EncryptedBatch::from_ciphertexts(parameters, pixels, next);
            let made = thread::Builder::new().spawn_scoped(scope, made);
            let made = made.map_err(|source| ProtocolError::Transfer { message: MESSAGE, source })?;
            for _ in 0..pixels * parameters.channels().len() {
                let read = ciphertext(input, &layout, is_seeded(parameters));
                let is_last = read.is_err();
                // Nobody receives once a ciphertext was refused.
                if sender.send(read.map_err(Refusal::from)).is_err() || is_last {
                    break;
                }
            }
            drop(sender);
            let made = made.join().unwrap_or_else(|panic| panic::resume_unwind(panic));
            made.map_err(|refusal| refusal.of(MESSAGE))
        })?;
        Ok((batch, self.reader.end()?))
    }
}

/// Reads a ciphertext.
fn ciphertext<R: Read>(
    input: &mut MessageInput<R>,
    layout: &RowLayout,
    is_seeded: bool,
) -> Result<PackedCiphertext, ProtocolError> {
    let first = input.polynomial(CIPHERTEXTS, layout)?;
    Ok(if is_seeded {
        PackedCiphertext { first, second: None, seed: Some(input.array(CIPHERTEXTS)?) }
    } else {
        PackedCiphertext { first, second: Some(input.polynomial(CIPHERTEXTS, layout)?), seed: None }
    })
}
