//! Images under encryption.

use std::io::{Read, Write};

use sottovoce_bfv::{EncryptedBatch, Encryption, Parameters};

use super::{Refusal, Seeded, field, read_ciphertext, write_ciphertext};
use crate::reading::MessageReader;
use crate::writing::MessageWriter;
use crate::{Fingerprint, Kind, ProtocolError};

const MESSAGE: Kind = Kind::Batch;

/// What a batch says before its ciphertexts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    pub parameters: Fingerprint,
    pub model: Fingerprint,
    pub key: Fingerprint,
}

/// Whether ciphertexts of images have a seed.
pub fn seeded(parameters: &Parameters) -> Seeded {
    Seeded(parameters.encryption() == Encryption::SecretKey)
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
    for ciphertexts in batch.parts() {
        for parts in ciphertexts {
            let primes = parameters.ciphertext_primes();
            write_ciphertext(&mut writer, MESSAGE, &parts, primes, seeded(parameters))?;
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

    /// The rest, of a batch for a model that reads `pixels`; the message's fingerprint.
    pub fn ciphertexts(
        mut self,
        parameters: &Parameters,
        pixels: usize,
    ) -> Result<(EncryptedBatch, Fingerprint), ProtocolError> {
        self.reader.exactly::<4>(field::PIXELS, pixels)?;
        let (primes, degree) = (parameters.ciphertext_primes(), parameters.degree());
        let next =
            || read_ciphertext(&mut self.reader, primes, degree, seeded(parameters)).map_err(Refusal::from);
        let batch = EncryptedBatch::from_parts(parameters, pixels, next);
        let batch = batch.map_err(|refusal| refusal.of(MESSAGE))?;
        Ok((batch, self.reader.end()?))
    }
}
