//! SHA-256 of what messages speak about.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use sottovoce_bfv::Parameters;
use sottovoce_network::{IntegerBlock, IntegerEnsemble};

use crate::hexadecimal;
use crate::message::parameters;

/// The SHA-256 of parameters, of a model, of a key or of a message, which stands for it in other messages.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; Self::BYTES]);

impl Fingerprint {
    /// Bytes of a fingerprint.
    pub const BYTES: usize = 32;

    pub(crate) fn new(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Of everything that parameters are: ring degree, plaintext moduli, ciphertext primes, kind of encryption.
    #[must_use]
    pub fn of_parameters(parameters: &Parameters) -> Self {
        Self::of_parameter_fields(&parameters::encode(parameters))
    }

    pub(crate) fn of_parameter_fields(fields: &[u8]) -> Self {
        let mut hash = Hasher::new("sottovoce parameters, version 1");
        hash.0.update(fields);
        hash.finish()
    }

    /// Of everything that an ensemble computes with: its shapes, pixel levels, scale, weights and biases.
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

/// A SHA-256 of numbers whose count the numbers before tell, so that different things have different bytes.
struct Hasher(Sha256);

impl Hasher {
    /// `domain` keeps fingerprints of one kind apart from those of others.
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

/// A text that is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no fingerprint, which has {digits} hexadecimal digits", digits = 2 * Fingerprint::BYTES)]
pub struct ParseFingerprintError {
    /// The beginning of the text.
    pub found: String,
}

impl FromStr for Fingerprint {
    type Err = ParseFingerprintError;

    /// Reads 64 hexadecimal digits, as [`Display`](fmt::Display) writes them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bytes = hexadecimal::decode(text).and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| ParseFingerprintError { found: hexadecimal::shown(text) })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
        let fingerprint = Fingerprint::new(std::array::from_fn(|index| index as u8 * 8 + 1));
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert_eq!(fingerprint.to_string().to_uppercase().parse(), Ok(fingerprint));
    }

    #[test]
    fn what_is_no_fingerprint_is_refused_with_what_it_is() {
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
