//! Encoding of values in slots as message polynomials, and decoding.

use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::EncryptionError;
use crate::kernel::Kernel;
use crate::modular::{inverse, product, product_of};
use crate::parameters::channel::Channel;
use crate::shoup::dispatch;
use crate::shoup::factor::Factor;
use crate::transform::Transform;

/// Encodes values modulo t, one in each of the N slots, as polynomials modulo t. Slots are in `fhe`'s order.
pub struct SlotEncoder {
    transform: Arc<Transform>,
    /// The position of each slot among the transformed values.
    positions: Vec<u32>,
}

impl SlotEncoder {
    /// The encoder for a channel's plaintext modulus.
    pub fn new(channel: &Channel) -> Self {
        let transform = channel.plaintext_transform().clone();
        Self { transform, positions: slot_positions(channel.degree()) }
    }

    /// The number N of slots.
    pub fn slots(&self) -> usize {
        self.transform.degree()
    }

    /// The coefficients of the message with `values` in its first slots and zeros in the others, times `factor` modulo t.
    /// `message` has N coefficients.
    ///
    /// # Errors
    /// If there are more than N values, or a value is not below t.
    #[expect(clippy::indexing_slicing, reason = "positions of slots are below N, the length of a message")]
    pub fn encode<V: Copy + Into<u64>>(
        &self,
        kernel: Kernel,
        values: &[V],
        factor: EncodingFactor,
        message: &mut [u64],
    ) -> Result<(), EncryptionError> {
        let (t, slots) = (self.transform.prime(), self.transform.degree());
        if values.len() > slots {
            return Err(EncryptionError::Slots { found: values.len(), slots });
        }
        message.fill(0);
        // The sign bit is set once a value exceeds t - 1, which has at most 49 bits, and for values from 2^63.
        let mut excess = 0;
        for (&value, &position) in values.iter().zip(&self.positions) {
            let value = value.into();
            message[position as usize] = value;
            excess |= (t - 1).wrapping_sub(value) | value;
        }
        if excess >> 63 != 0 {
            message.fill(0);
            return Err(EncryptionError::Value { modulus: t });
        }
        self.transform.inverse(message);
        dispatch::multiply_by_constant(kernel, message, factor.0, t);
        Ok(())
    }

    /// The values of all slots of a message of N coefficients.
    #[expect(clippy::indexing_slicing, reason = "positions of slots are below N, the length of a message")]
    pub fn decode(&self, message: &[u64]) -> Vec<u64> {
        let mut transformed = Zeroizing::new(message.to_vec());
        self.transform.forward(&mut transformed);
        self.positions.iter().map(|&position| transformed[position as usize]).collect()
    }

    /// Multiplies the coefficients of a message, which are below t, with the product Q of `primes` modulo t, in place.
    pub fn multiply_by_modulus(&self, kernel: Kernel, primes: &[u64], message: &mut [u64]) {
        let t = self.transform.prime();
        dispatch::multiply_by_constant(kernel, message, Factor::new(product_of(primes, t), t), t);
    }

    /// The constant with which slots are encoded times `factor`, below t.
    pub fn factor(&self, factor: u64) -> EncodingFactor {
        let t = self.transform.prime();
        EncodingFactor(Factor::new(product(self.transform.inverse_degree(), factor, t), t))
    }

    /// The constant that messages are encoded with for ciphertexts modulo the product of `primes`.
    pub fn encoding_factor(&self, primes: &[u64]) -> EncodingFactor {
        self.factor(product_of(primes, self.transform.prime()))
    }
}

/// A factor over N modulo t; the transform leaves the factor N. For messages the factor is Q: a message m is `-Q m / t` modulo Q in a
/// ciphertext, which is `Q m mod t`, whose coefficients are below t, times `-1 / t` modulo each prime ([`message_factor`](message_factor)).
#[derive(Debug, Clone, Copy)]
pub struct EncodingFactor(Factor);

/// Positions of the slots in `fhe`, as in SEAL: slots are two rows of N / 2, and slot i of the first belongs to the root with exponent
/// 3^i, of the second to the one with -3^i. Values are in bit-reversed order.
fn slot_positions(degree: usize) -> Vec<u32> {
    let exponents = 2 * degree;
    let position = |exponent| position_of_root(exponent, degree);
    let row = || std::iter::successors(Some(1), |power| Some(3 * power % exponents)).take(degree / 2);
    row().map(position).chain(row().map(|power| position(exponents - power))).collect()
}

/// The position of a root, an odd power of the first one, among the transformed values, which are in bit-reversed order.
pub fn position_of_root(exponent: usize, degree: usize) -> u32 {
    // Below N.
    (((exponent - 1) / 2).reverse_bits() >> (degree.leading_zeros() + 1)) as u32
}

/// `-1 / t` modulo a ciphertext prime above the plaintext modulus t. A ciphertext holds `Q m mod t` times this factor.
pub fn message_factor(t: u64, prime: u64) -> Factor {
    Factor::new(prime - inverse(t, prime), prime)
}
