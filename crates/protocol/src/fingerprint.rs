//! SHA-256 fingerprints, which name parameters, models, keys and messages.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use sottovoce_bfv::Parameters;
use sottovoce_network::{IntegerBlock, IntegerEnsemble};

use crate::message::parameter_fields::ParameterFields;

/// Characters of a refused text that an error shows.
const EXCERPT_CHARACTERS: usize = 80;

/// SHA-256 of parameters, of a model, of a client's keys or of a message. Messages name these things by their fingerprints.
///
/// ```
/// use sottovoce_protocol::Fingerprint;
///
/// let text = "00ff".repeat(16);
/// let fingerprint: Fingerprint = text.parse()?;
/// assert_eq!(fingerprint.as_bytes()[..2], [0x00, 0xff]);
/// assert_eq!(fingerprint.to_string(), text);
/// assert!("00ff".parse::<Fingerprint>().is_err());
/// # Ok::<(), sottovoce_protocol::ParseFingerprintError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

impl Fingerprint {
    /// Length in bytes.
    pub const BYTES: usize = 32;

    /// Returns the fingerprint with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Returns the fingerprint of all numbers that a parameters message has: ring degree, moduli, primes and kinds of evaluation and
    /// encryption, and of packed parameters the special prime, the kept primes and the rotations.
    #[must_use]
    pub fn of_parameters(parameters: &Parameters) -> Self {
        Self::of_parameter_fields(&ParameterFields::of(parameters))
    }

    pub(crate) fn of_parameter_fields(fields: &ParameterFields) -> Self {
        let mut hash = Hasher::new("sottovoce parameters, version 2");
        hash.0.update(fields.encode());
        hash.finish()
    }

    /// Returns the fingerprint of the shapes, pixel levels, scales, weights and biases of an ensemble.
    #[must_use]
    pub fn of_ensemble(ensemble: &IntegerEnsemble) -> Self {
        let mut hash = Hasher::new("sottovoce ensemble, version 1");
        let shape = ensemble.architecture();
        let sizes =
            [shape.image_side, shape.kernel, shape.stride, shape.padding.leading, shape.padding.trailing];
        for size in sizes.into_iter().chain([shape.maps, shape.hidden, shape.classes]) {
            hash.number(size as i128);
        }
        hash.number(u16::from(ensemble.pixel_levels()).into());
        hash.number(ensemble.members().len() as i128);
        for member in ensemble.members() {
            hash.number(member.logit_scale().to_bits().into());
            for block in [member.convolution(), member.hidden(), member.output()] {
                hash.block(block);
            }
        }
        hash.finish()
    }
}

/// Hashes a sequence of numbers. Earlier numbers determine how many follow, so different inputs have different bytes.
struct Hasher(Sha256);

impl Hasher {
    /// Starts a hash with `domain`, so that fingerprints of different kinds of things differ.
    fn new(domain: &str) -> Self {
        Self(Sha256::new_with_prefix(domain))
    }

    fn number(&mut self, number: i128) {
        self.0.update(number.to_le_bytes());
    }

    fn block(&mut self, block: &IntegerBlock) {
        for &weight in block.weights() {
            self.0.update(weight.to_le_bytes());
        }
        for &bias in block.biases() {
            self.number(bias);
        }
    }

    fn finish(self) -> Fingerprint {
        Fingerprint(self.0.finalize().into())
    }
}

/// Error of a text that is not a fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is not a fingerprint, which has {digits} hexadecimal digits", digits = 2 * Fingerprint::BYTES)]
pub struct ParseFingerprintError {
    /// Beginning of the text.
    pub found: String,
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Parses 64 hexadecimal digits in lower or upper case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; Self::BYTES];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self(bytes)),
            Err(_) => Err(ParseFingerprintError { found: text.chars().take(EXCERPT_CHARACTERS).collect() }),
        }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let fingerprint = Fingerprint::from_bytes(std::array::from_fn(|index| index as u8 * 8 + 1));
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert_eq!(fingerprint.to_string().to_uppercase().parse(), Ok(fingerprint));
    }

    #[test]
    fn other_texts_are_refused_with_an_excerpt() {
        let long = "0".repeat(10_000);
        let signed = format!("+{}", "0".repeat(63));
        for text in [
            "",
            "00",
            "zz",
            &"0".repeat(63),
            &"0".repeat(65),
            &"g".repeat(64),
            &"ü".repeat(32),
            &long,
            &signed,
        ] {
            let error = text.parse::<Fingerprint>().unwrap_err().to_string();
            assert!(error.contains("64 hexadecimal digits") && error.len() < 200, "{error}");
        }
    }
}
