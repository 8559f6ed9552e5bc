//! Writes one message, field by field: in memory, or to an output.

use std::io::{self, Write};

use sha2::{Digest, Sha256};
use sottovoce_bfv::ResiduesError;
use sottovoce_bfv::compact::LimbLayout;

use super::header::{MessageKind, encode_header};
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

/// A message that is being written in memory.
pub struct MessageBuilder {
    bytes: Vec<u8>,
    message: MessageKind,
}

impl MessageBuilder {
    /// Starts a message with its header.
    pub fn new(message: MessageKind, parameters: Fingerprint) -> Self {
        Self { bytes: encode_header(message, parameters), message }
    }

    /// Appends a field.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Appends the compact residues of a polynomial, row by row.
    ///
    /// # Errors
    /// If a residue is not below its prime. Such a residue could need more bits than its place has.
    pub fn polynomial(&mut self, residues: &[u64], layout: &LimbLayout) -> Result<(), ProtocolError> {
        for (row, prime) in residues.chunks_exact(layout.degree()).zip(layout.primes()) {
            if let Some((position, &found)) = row.iter().enumerate().find(|(_, residue)| **residue >= prime) {
                let source = ResiduesError::Residue { prime, position, found };
                return Err(ProtocolError::Polynomials { message: self.message, source });
            }
        }
        self.bytes(&layout.pack(residues));
        Ok(())
    }

    /// Appends the checksum. Returns the message and its fingerprint, which is the checksum.
    pub fn finish(mut self) -> (Vec<u8>, Fingerprint) {
        let checksum: [u8; Fingerprint::BYTES] = Sha256::digest(&self.bytes).into();
        self.bytes.extend(checksum);
        (self.bytes, Fingerprint::from_bytes(checksum))
    }
}

/// Writes a message to an output while it is made.
pub struct MessageWriter<W> {
    output: W,
    message: MessageKind,
    checksum: Sha256,
}

impl<W: Write> MessageWriter<W> {
    /// Writes the header.
    pub fn start(output: W, message: MessageKind, parameters: Fingerprint) -> Result<Self, ProtocolError> {
        let mut writer = Self { output, message, checksum: Sha256::new() };
        writer.bytes(&encode_header(message, parameters))?;
        Ok(writer)
    }

    /// Writes a field.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        self.checksum.update(bytes);
        self.output.write_all(bytes).map_err(|source| self.transfer_error(source))
    }

    /// Writes the checksum. Returns the fingerprint of the message, which is the checksum.
    pub fn finish(mut self) -> Result<Fingerprint, ProtocolError> {
        let checksum: [u8; Fingerprint::BYTES] = self.checksum.clone().finalize().into();
        let written = self.output.write_all(&checksum).and_then(|()| self.output.flush());
        written.map_err(|source| self.transfer_error(source))?;
        Ok(Fingerprint::from_bytes(checksum))
    }

    fn transfer_error(&self, source: io::Error) -> ProtocolError {
        ProtocolError::Transfer { message: self.message, source }
    }
}
