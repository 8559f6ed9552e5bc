//! A message as it comes in.

use std::io::{self, Read};

use sha2::{Digest, Sha256};
use sottovoce_bfv::packed::RowLayout;

use crate::writing::{MAGIC, VERSION};
use crate::{Fingerprint, Kind, ProtocolError};

/// Reads one message, field after field, and sums it up. Nothing that is read counts before [`end`](Self::end) has found
/// the checksum.
pub struct MessageReader<R> {
    input: MessageInput<R>,
    sum: Sha256,
}

/// The bytes of one message as they come.
pub struct MessageInput<R> {
    input: R,
    message: Kind,
}

impl<R: Read> MessageInput<R> {
    /// The next bytes.
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

    /// A field of as many bytes as the array has.
    pub fn array<const BYTES: usize>(&mut self, field: &'static str) -> Result<[u8; BYTES], ProtocolError> {
        let mut bytes = [0; BYTES];
        self.fill(field, &mut bytes)?;
        Ok(bytes)
    }

    /// A packed polynomial, of which no residue has been compared with its prime yet. It takes memory when it is the next.
    pub fn polynomial(
        &mut self,
        field: &'static str,
        layout: &RowLayout,
    ) -> Result<Box<[u8]>, ProtocolError> {
        let mut bytes = vec![0; layout.bytes()].into_boxed_slice();
        self.fill(field, &mut bytes)?;
        Ok(bytes)
    }
}

impl<R: Read> MessageReader<R> {
    /// Reads the header up to the fingerprint of the parameters.
    pub fn begin(input: R, message: Kind) -> Result<Self, ProtocolError> {
        let mut reader = Self { input: MessageInput { input, message }, sum: Sha256::new() };
        let magic = reader.number::<4>("magic")?;
        let expected = u64::from(u32::from_le_bytes(MAGIC));
        reader.check("magic", magic, magic == expected, || format!("{expected}, the bytes \"svce\""))?;
        reader.exactly::<2>("version", VERSION.into())?;
        let kind = reader.number::<2>("kind")?;
        let expected = u64::from(message.number());
        reader.check("kind", kind, kind == expected, || expected.to_string())?;
        Ok(reader)
    }

    /// A little-endian number of so many bytes, at most 8.
    pub fn number<const BYTES: usize>(&mut self, field: &'static str) -> Result<u64, ProtocolError> {
        let bytes: [u8; BYTES] = self.array(field)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    /// A number that must be `allowed`.
    pub fn exactly<const BYTES: usize>(
        &mut self,
        field: &'static str,
        allowed: usize,
    ) -> Result<(), ProtocolError> {
        let found = self.number::<BYTES>(field)?;
        self.check(field, found, found == allowed as u64, || allowed.to_string())
    }

    /// A number within bounds.
    pub fn between<const BYTES: usize>(
        &mut self,
        field: &'static str,
        least: usize,
        most: usize,
    ) -> Result<usize, ProtocolError> {
        let found = self.number::<BYTES>(field)?;
        let sound = (least as u64..=most as u64).contains(&found);
        self.check(field, found, sound, || format!("{least} to {most}"))?;
        // At most `most`.
        Ok(found as usize)
    }

    /// Refuses a field that is not `sound`.
    pub fn check(
        &self,
        field: &'static str,
        found: u64,
        sound: bool,
        allowed: impl FnOnce() -> String,
    ) -> Result<(), ProtocolError> {
        if sound {
            return Ok(());
        }
        Err(ProtocolError::Field { message: self.input.message, field, found, allowed: allowed() })
    }

    /// A fingerprint.
    pub fn fingerprint(&mut self, field: &'static str) -> Result<Fingerprint, ProtocolError> {
        self.array(field).map(Fingerprint::new)
    }

    /// A fingerprint that must be `allowed`.
    pub fn same(&mut self, field: &'static str, allowed: Fingerprint) -> Result<(), ProtocolError> {
        let found = self.fingerprint(field)?;
        if found == allowed {
            return Ok(());
        }
        Err(ProtocolError::Fingerprint { message: self.input.message, field, found, allowed })
    }

    /// A field of as many bytes as the array has.
    pub fn array<const BYTES: usize>(&mut self, field: &'static str) -> Result<[u8; BYTES], ProtocolError> {
        let bytes = self.input.array(field)?;
        self.sum.update(bytes);
        Ok(bytes)
    }

    /// A packed polynomial: [`MessageInput::polynomial`].
    pub fn polynomial(
        &mut self,
        field: &'static str,
        layout: &RowLayout,
    ) -> Result<Box<[u8]>, ProtocolError> {
        let bytes = self.input.polynomial(field, layout)?;
        self.sum.update(&bytes);
        Ok(bytes)
    }

    /// The bytes that come and their sum, for whoever sums up what has come while more is read: all of it, in its order.
    pub fn halves(&mut self) -> (&mut MessageInput<R>, &mut Sha256) {
        (&mut self.input, &mut self.sum)
    }

    /// The checksum, and nothing behind it; the message's fingerprint, which is its checksum.
    pub fn end(mut self) -> Result<Fingerprint, ProtocolError> {
        let sum = Fingerprint::new(self.sum.clone().finalize().into());
        self.same("checksum", sum)?;
        let MessageInput { mut input, message } = self.input;
        match input.read_exact(&mut [0]) {
            Ok(()) => Err(ProtocolError::Trailing { message }),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(sum),
            Err(source) => Err(ProtocolError::Transfer { message, source }),
        }
    }
}
