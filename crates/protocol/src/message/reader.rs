//! Reads one message, field by field.

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use sottovoce_bfv::ResiduesError;
use sottovoce_bfv::compact::LimbLayout;

use super::header::{MAGIC, MessageKind, VERSION};
use crate::error::ProtocolError;
use crate::fingerprint::Fingerprint;

/// Reads the fields of one message and hashes them. No field may be trusted before [`finish`](Self::finish) has compared
/// the checksum.
pub struct MessageReader<R> {
    input: MessageInput<R>,
    checksum: Sha256,
}

/// Incoming bytes of one message.
pub struct MessageInput<R> {
    input: R,
    message: MessageKind,
}

impl<R: Read> MessageInput<R> {
    /// Fills `bytes` from the input.
    fn fill(&mut self, field: &'static str, bytes: &mut [u8]) -> Result<(), ProtocolError> {
        let message = self.message;
        self.input.read_exact(bytes).map_err(|source| {
            if source.kind() == io::ErrorKind::UnexpectedEof {
                ProtocolError::Truncated { message, field }
            } else {
                ProtocolError::Transfer { message, source }
            }
        })
    }

    /// Reads a field of a fixed number of bytes.
    pub fn array<const BYTES: usize>(&mut self, field: &'static str) -> Result<[u8; BYTES], ProtocolError> {
        let mut bytes = [0; BYTES];
        self.fill(field, &mut bytes)?;
        Ok(bytes)
    }

    /// Reads a compact polynomial. Its residues are not compared with their primes here. Memory for the polynomial is
    /// allocated when it is the next field.
    pub fn polynomial(
        &mut self,
        field: &'static str,
        layout: &LimbLayout,
    ) -> Result<Box<[u8]>, ProtocolError> {
        let mut bytes = vec![0; layout.bytes()].into_boxed_slice();
        self.fill(field, &mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> MessageReader<R> {
    /// Reads magic, version and kind. The next field is the fingerprint of the parameters.
    pub fn start(input: R, message: MessageKind) -> Result<Self, ProtocolError> {
        let mut reader = Self { input: MessageInput { input, message }, checksum: Sha256::new() };
        let magic = reader.number::<4>("magic")?;
        let expected = u64::from(u32::from_le_bytes(MAGIC));
        reader.require("magic", magic, magic == expected, || format!("{expected}, the bytes \"svce\""))?;
        reader.expect_number::<2>("version", VERSION.into())?;
        reader.expect_number::<2>("kind", message.number().into())?;
        Ok(reader)
    }

    /// Reads a little-endian number of at most 8 bytes.
    pub fn number<const BYTES: usize>(&mut self, field: &'static str) -> Result<u64, ProtocolError> {
        let bytes: [u8; BYTES] = self.array(field)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// Reads a number that must be `allowed`.
    pub fn expect_number<const BYTES: usize>(
        &mut self,
        field: &'static str,
        allowed: usize,
    ) -> Result<(), ProtocolError> {
        let found = self.number::<BYTES>(field)?;
        self.require(field, found, found == allowed as u64, || allowed.to_string())
    }

    /// Reads a number from `min` to `max`.
    pub fn number_between<const BYTES: usize>(
        &mut self,
        field: &'static str,
        min: usize,
        max: usize,
    ) -> Result<usize, ProtocolError> {
        let found = self.number::<BYTES>(field)?;
        let is_allowed = (min as u64..=max as u64).contains(&found);
        self.require(field, found, is_allowed, || format!("{min} to {max}"))?;
        // The cast is exact: `found` is at most `max`.
        Ok(found as usize)
    }

    /// Refuses the value of a field unless it is allowed.
    fn require(
        &self,
        field: &'static str,
        found: u64,
        is_allowed: bool,
        allowed: impl FnOnce() -> String,
    ) -> Result<(), ProtocolError> {
        if is_allowed {
            return Ok(());
        }
        Err(ProtocolError::InvalidField { message: self.input.message, field, found, allowed: allowed() })
    }

    /// Reads a fingerprint.
    pub fn fingerprint(&mut self, field: &'static str) -> Result<Fingerprint, ProtocolError> {
        self.array(field).map(Fingerprint::from_bytes)
    }

    /// Reads a fingerprint that must be `allowed`.
    pub fn expect_fingerprint(
        &mut self,
        field: &'static str,
        allowed: Fingerprint,
    ) -> Result<(), ProtocolError> {
        let found = self.fingerprint(field)?;
        if found == allowed {
            return Ok(());
        }
        Err(ProtocolError::WrongFingerprint { message: self.input.message, field, found, allowed })
    }

    /// Reads a field of a fixed number of bytes.
    pub fn array<const BYTES: usize>(&mut self, field: &'static str) -> Result<[u8; BYTES], ProtocolError> {
        let bytes = self.input.array(field)?;
        self.checksum.update(bytes);
        Ok(bytes)
    }

    /// Reads a compact polynomial; see [`MessageInput::polynomial`].
    pub fn polynomial(
        &mut self,
        field: &'static str,
        layout: &LimbLayout,
    ) -> Result<Box<[u8]>, ProtocolError> {
        let bytes = self.input.polynomial(field, layout)?;
        self.checksum.update(&bytes);
        Ok(bytes)
    }

    /// Splits the reader into its input and its checksum, so that one thread can hash fields while another thread reads
    /// the next ones. The caller must hash every byte that it reads, in order.
    pub fn split(&mut self) -> (&mut MessageInput<R>, &mut Sha256) {
        (&mut self.input, &mut self.checksum)
    }

    /// Compares the checksum, makes sure that the message ends there, and returns the fingerprint of the message, which is
    /// its checksum.
    pub fn finish(mut self) -> Result<Fingerprint, ProtocolError> {
        let checksum = Fingerprint::from_bytes(self.checksum.clone().finalize().into());
        self.expect_fingerprint("checksum", checksum)?;
        let MessageInput { mut input, message } = self.input;
        match input.read_exact(&mut [0]) {
            Ok(()) => Err(ProtocolError::TrailingBytes { message }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(checksum),
            Err(source) => Err(ProtocolError::Transfer { message, source }),
        }
    }
}

/// Error of a ciphertext that is read and checked in one step.
pub enum CiphertextError {
    /// The polynomials do not fit the parameters.
    Parts(ResiduesError),
    /// The message cannot be read.
    Message(ProtocolError),
}

impl CiphertextError {
    /// Returns the error as one of a message.
    pub fn in_message(self, message: MessageKind) -> ProtocolError {
        match self {
            Self::Parts(source) => ProtocolError::Polynomials { message, source },
            Self::Message(error) => error,
        }
    }
}

impl From<ResiduesError> for CiphertextError {
    fn from(error: ResiduesError) -> Self {
        Self::Parts(error)
    }
}

impl From<ProtocolError> for CiphertextError {
    fn from(error: ProtocolError) -> Self {
        Self::Message(error)
    }
}
