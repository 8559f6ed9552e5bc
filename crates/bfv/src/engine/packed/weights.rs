//! Weights and biases of a network as polynomials at ciphertext primes.
//!
//! A value v is held as `f v` modulo t with a public factor f. Uploads have `f = -Q`, Q the product of their primes, and a switch that
//! drops the product D multiplies f by 1 / D. Weights in slots can have any factor modulo t at no cost, so each linear layer is compiled with the
//! factor that makes f = 1 after the switch behind it, and the output layer with the factor that makes the answer a BFV ciphertext of
//! the logits, `f = -Q'` with Q' the product of the answer's primes.

use sottovoce_network::IntegerNetwork;

use super::ring::PackedRing;
use crate::engine::error::EngineError;
use crate::engine::kernels::dispatch;
use crate::engine::kernels::modular::Modulus;
use crate::engine::ring::Ring;
use crate::modular::{inverse, product, product_of};
use crate::packed::{Diagonals, PackedLayout};
use crate::parameters::channel::Channel;
use crate::parameters::packed_chain::PackedLevels;
use crate::slots::SlotEncoder;

/// The weights of a linear layer's diagonals, by giant step.
pub struct DiagonalWeights {
    pub steps: Vec<GiantStep>,
}

/// The weights whose products are rotated together.
pub struct GiantStep {
    /// Columns by which the sum of the products is rotated.
    pub steps: usize,
    /// By baby step: a polynomial in Montgomery form.
    pub weights: Vec<Vec<u64>>,
}

/// The polynomials of one member.
pub struct MemberWeights {
    pub convolution: DiagonalWeights,
    /// Added to the convolution's sums before their switch.
    pub convolution_biases: Vec<u64>,
    pub hidden: DiagonalWeights,
    /// Added to the hidden units before their switch.
    pub hidden_biases: Vec<u64>,
    /// In Montgomery form.
    pub output: Vec<u64>,
    /// Added to the logits before their switch.
    pub output_biases: Vec<u64>,
}

/// Encodes slots modulo one plaintext modulus as polynomials at ciphertext primes.
pub struct PlainEncoder {
    encoder: SlotEncoder,
    modulus: Modulus,
}

impl MemberWeights {
    /// Compiles one member's weights for a channel.
    ///
    /// # Errors
    /// If a value cannot be encoded.
    pub fn new(
        plain: &PlainEncoder,
        ring: &PackedRing,
        channel: &Channel,
        kept: PackedLevels,
        layout: &PackedLayout,
        network: &IntegerNetwork,
    ) -> Result<Self, EngineError> {
        let t = channel.plaintext_modulus();
        let upload = channel.ciphertext_primes();
        let product_of_range = |from: usize, to: usize| {
            let dropped: Vec<u64> = upload.iter().skip(to).take(from - to).copied().collect();
            product_of(&dropped, t)
        };
        // The products of the primes that the switches drop.
        let convolution = product_of_range(upload.len(), kept.convolution);
        let square = product_of_range(kept.convolution, kept.square);
        let hidden = product_of_range(kept.square, kept.hidden);
        let of_uploads = t - product_of(upload, t);
        let of_logits = t - product_of_range(kept.hidden, 0);
        let weights = |network, diagonal| layout.convolution_weights(network, diagonal);
        let convolution_factor = product(convolution, inverse(of_uploads, t), t);
        Ok(Self {
            convolution: plain.diagonals(
                ring,
                layout.convolution(),
                |diagonal| weights(network, diagonal),
                convolution_factor,
                upload.len(),
            )?,
            convolution_biases: plain.biases(
                ring,
                &layout.convolution_biases(network),
                convolution,
                upload.len(),
            )?,
            hidden: plain.diagonals(
                ring,
                layout.hidden(),
                |diagonal| layout.hidden_weights(network, diagonal),
                product(hidden, square, t),
                kept.square,
            )?,
            hidden_biases: plain.biases(ring, &layout.hidden_biases(network), hidden, kept.square)?,
            output: plain.weights(ring, &layout.output_weights(network), of_logits, kept.hidden)?,
            output_biases: plain.biases(ring, &layout.output_biases(network), of_logits, kept.hidden)?,
        })
    }
}

impl PlainEncoder {
    /// The encoder of a channel.
    pub fn new(channel: &Channel) -> Self {
        let encoder = SlotEncoder::new(channel);
        Self { encoder, modulus: Modulus::new(channel.plaintext_modulus()) }
    }

    /// The weights of all diagonals, rotated back by their giant steps.
    fn diagonals(
        &self,
        ring: &PackedRing,
        diagonals: Diagonals,
        slots: impl Fn(usize) -> Vec<i128>,
        factor: u64,
        primes: usize,
    ) -> Result<DiagonalWeights, EngineError> {
        let giant = |(giant, steps): (usize, usize)| {
            let weights = (0..diagonals.baby).map(|baby| {
                let slots = rotated_right(&slots(giant * diagonals.baby + baby), steps);
                self.weights(ring, &slots, factor, primes)
            });
            Ok(GiantStep { steps, weights: weights.collect::<Result<_, EngineError>>()? })
        };
        let steps = diagonals.giant_steps().enumerate().map(giant).collect::<Result<_, EngineError>>()?;
        Ok(DiagonalWeights { steps })
    }

    /// The polynomial of slots times a factor modulo t, in Montgomery form at the first primes.
    fn weights(
        &self,
        ring: &PackedRing,
        slots: &[i128],
        factor: u64,
        primes: usize,
    ) -> Result<Vec<u64>, EngineError> {
        let Ring { kernel, .. } = ring.ring();
        let constant = |modulus: Modulus| modulus.shifted(1, dispatch::radix_bits(kernel));
        self.polynomial(ring, slots, factor, primes, constant)
    }

    /// The polynomial of slots times a factor modulo t, divided by t as in a ciphertext, at the first primes.
    pub fn biases(
        &self,
        ring: &PackedRing,
        slots: &[i128],
        factor: u64,
        primes: usize,
    ) -> Result<Vec<u64>, EngineError> {
        let t = self.modulus.value;
        self.polynomial(ring, slots, factor, primes, |modulus| inverse(t % modulus.value, modulus.value))
    }

    /// The centred polynomial of slots times a factor modulo t, times a constant modulo every prime.
    fn polynomial(
        &self,
        ring: &PackedRing,
        slots: &[i128],
        factor: u64,
        primes: usize,
        constant: impl Fn(Modulus) -> u64,
    ) -> Result<Vec<u64>, EngineError> {
        let Ring { kernel, moduli, transforms, degree, .. } = ring.ring();
        let t = i128::from(self.modulus.value);
        // Below t.
        let values: Vec<u64> = slots.iter().map(|slot| slot.rem_euclid(t) as u64).collect();
        let mut message = vec![0; degree];
        let encoded = self.encoder.encode(kernel, &values, self.encoder.factor(factor), &mut message);
        encoded.map_err(|error| EngineError::Fhe(error.to_string()))?;
        let mut polynomial = vec![0; primes * degree];
        let rows = polynomial.chunks_exact_mut(degree).zip(moduli).zip(transforms);
        for ((residues, &modulus), transform) in rows {
            dispatch::centred_residues(kernel, &message, self.modulus, modulus, residues);
            transform.forward(residues);
            let constant = dispatch::montgomery_constant(kernel, constant(modulus), modulus);
            dispatch::multiply_by_constant(kernel, residues, constant, modulus);
        }
        Ok(polynomial)
    }
}

/// Slots with both rows rotated to the right.
fn rotated_right(slots: &[i128], steps: usize) -> Vec<i128> {
    let mut rotated = slots.to_vec();
    for row in rotated.chunks_exact_mut((slots.len() / 2).max(1)) {
        row.rotate_right(steps);
    }
    rotated
}
