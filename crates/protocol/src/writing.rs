//! A message as it goes out.

use std::io::{self, Write};

use sha2::{Digest, Sha256};
use sottovoce_bfv::packed::RowLayout;
use sottovoce_bfv::parts::PartsError;

use crate::{Fingerprint, Kind, ProtocolError};

/// What every message begins with.
pub const MAGIC: [u8; 4] = *b"svce";

/// The version of the format. It stands for the layout of messages, and for `fhe` 0.1.1's choice of primes, order of
/// transformed values and expansion of seeds.
pub const VERSION: u16 = 3;

/// Bytes of a header: magic, version, kind, fingerprint of the parameters.
pub const HEADER_BYTES: u64 = 4 + 2 + 2 + Fingerprint::BYTES as u64;

/// Bytes of a checksum.
pub const CHECKSUM_BYTES: u64 = Fingerprint::BYTES as u64;

/// Writes one message, field after field, and sums it up.
pub struct MessageWriter<W> {
    output: W,
    message: Kind,
    sum: Sha256,
}

impl<W: Write> MessageWriter<W> {
    /// Writes the header.
    pub fn begin(output: W, message: Kind, parameters: Fingerprint) -> Result<Self, ProtocolError> {
        let mut writer = Self { output, message, sum: Sha256::new() };
        writer.bytes(&MAGIC)?;
        writer.bytes(&VERSION.to_le_bytes())?;
        writer.bytes(&message.number().to_le_bytes())?;
        writer.bytes(parameters.as_bytes())?;
        Ok(writer)
    }

    /// A field as it is.
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), ProtocolError> {
        self.sum.update(bytes);
        self.output.write_all(bytes).map_err(|source| self.failed(source))
    }

    /// A polynomial's residues, packed.
    pub fn polynomial(&mut self, residues: &[u64], layout: &RowLayout) -> Result<(), ProtocolError> {
        for (residues, prime) in residues.chunks_exact(layout.degree()).zip(layout.primes()) {
            // A wider residue would run into its neighbour, and a reader would refuse it.
            if let Some(position) = residues.iter().position(|&residue| residue >= prime) {
                let source = PartsError::Residue { prime, position, found: residues[position] };
                return Err(ProtocolError::Parts { message: self.message, source });
            }
        }
        self.bytes(&layout.pack(residues))
    }

    /// The checksum; the message's fingerprint, which is its checksum.
    pub fn end(mut self) -> Result<Fingerprint, ProtocolError> {
        let sum: [u8; Fingerprint::BYTES] = self.sum.clone().finalize().into();
        let written = self.output.write_all(&sum).and_then(|()| self.output.flush());
        written.map_err(|source| self.failed(source))?;
        Ok(Fingerprint::new(sum))
    }

    fn failed(&self, source: io::Error) -> ProtocolError {
        ProtocolError::Transfer { message: self.message, source }
    }
}
