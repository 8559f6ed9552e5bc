//! The fields of BFV parameters, in the order in which they are sent and hashed.

use sottovoce_bfv::parameters::PackedChain;
use sottovoce_bfv::{Encryption, Parameters};

/// Numbers that determine BFV parameters.
pub struct ParameterFields {
    /// Ring degree, below 2^32.
    pub degree: usize,
    /// How clients encrypt.
    pub encryption: Encryption,
    /// Plaintext moduli, at most 255.
    pub plaintext_moduli: Vec<u64>,
    /// Ciphertext primes of an upload, at most 255.
    pub ciphertext_primes: Vec<u64>,
    /// Number of primes that hidden units have, at most 255.
    pub hidden_primes: usize,
    /// Present in packed parameters: bits and numbers of primes at most 255, rotations at most [`MAX_ROTATIONS`].
    pub packed: Option<PackedChain>,
}

/// The most rotations of packed parameters: every rotation by less than a row of slots, at the largest ring degree.
pub const MAX_ROTATIONS: usize = 1 << 13;

/// Bytes of the fields that only packed parameters have, before the rotations.
pub const PACKED_FIELD_BYTES: usize = 1 + 3 + 2;

/// Bytes of a rotation: its columns and the primes of its key.
pub const ROTATION_BYTES: usize = 2 + 1;

impl ParameterFields {
    /// Returns the fields of `parameters`.
    pub fn of(parameters: &Parameters) -> Self {
        Self {
            degree: parameters.degree(),
            encryption: parameters.encryption(),
            plaintext_moduli: parameters.plaintext_moduli(),
            ciphertext_primes: parameters.ciphertext_primes().to_vec(),
            hidden_primes: parameters.hidden_primes(),
            packed: parameters.packed().cloned(),
        }
    }

    /// Returns the fields as bytes.
    pub fn encode(&self) -> Vec<u8> {
        // The casts are exact: see the bounds of the fields.
        let mut bytes = (self.degree as u32).to_le_bytes().to_vec();
        bytes.push(u8::from(self.packed.is_some()));
        bytes.push(match self.encryption {
            Encryption::PublicKey => 0,
            Encryption::SecretKey => 1,
        });
        let counts = [self.plaintext_moduli.len(), self.ciphertext_primes.len(), self.hidden_primes];
        bytes.extend(counts.map(|count| count as u8));
        let numbers = self.plaintext_moduli.iter().chain(&self.ciphertext_primes);
        bytes.extend(numbers.flat_map(|number| number.to_le_bytes()));
        if let Some(PackedChain { special_bits, kept, rotations }) = &self.packed {
            // The primes of hidden units have their field already.
            bytes.extend(
                [*special_bits, kept.convolution, kept.square, kept.answer].map(|number| number as u8),
            );
            bytes.extend((rotations.len() as u16).to_le_bytes());
            for rotation in rotations {
                bytes.extend((rotation.steps as u16).to_le_bytes());
                bytes.push(rotation.primes as u8);
            }
        }
        bytes
    }
}
