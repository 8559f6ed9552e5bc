//! The engine: an ensemble as plain arithmetic at the evaluation points.
//!
//! In the reference evaluator every one of the 845 squares is scaled and relinearised by itself. Here the inputs are
//! lifted once from the ciphertext modulus Q to a base of primes so large that nothing wraps, and transformed;
//! from then on a polynomial is its values at the evaluation points, and convolution, square and dense layer are small
//! sums and products of residues at every point by itself (`first_block`). Only the 100 hidden units are taken back:
//! inverse transform, scaling by t / Q, bias, relinearisation. The second block is the same once more, and its last
//! sums run over all members, so that ten scalings serve the whole ensemble (`second_block`).
//!
//! What decrypts is what the reference's answers decrypt to, since both are the same ring arithmetic; the noise
//! differs by a few bits.
//!
//! | module | holds |
//! | --- | --- |
//! | `plan` | evaluation primes, bounds, weights in their kernel's form |
//! | `rns` | lift from Q, scaling back to Q |
//! | `ciphertext_ring` | transforms modulo the ciphertext primes, relinearisation |
//! | `buffers` | memory that is used again |
//! | `kernels` | the inner loops, compiled for several instruction sets |
//! | `first_block` | convolution, square and hidden layer at the evaluation points |
//! | `second_block` | square, last layer and the members' sum |
//!
//! Memory: the prepared inputs (25 bytes a coefficient with three ciphertext primes, 320 MB for the paper's network),
//! the transformed inputs of one prime (103 MB), and the hidden units' values at all primes (140 MB a member). It is kept
//! for the next batch (`buffers`).

mod buffers;
mod ciphertext_ring;
mod clock;
mod first_block;
mod kernels;
mod plan;
mod rns;
mod second_block;
#[doc(hidden)]
pub mod stages;
mod watched;

use fhe::bfv::Ciphertext;
use fhe_math::rq::Poly;
use rayon::prelude::*;
use sottovoce_network::{Architecture, IntegerEnsemble};

use crate::{BfvError, EncryptedAnswer, EncryptedBatch, EncryptedLogits, EvaluationKey, Layer, Watch};
use buffers::{Buffer, Buffers};
use ciphertext_ring::{CiphertextRing, ciphertext};
use clock::StageClock;
use kernels::LANES;
pub use kernels::{Kernel, UnknownKernel};
use plan::Plan;
pub use plan::PlanError;
use rns::Prepared;

/// The provider's side: evaluates an ensemble on encrypted batches.
pub struct Engine<'a> {
    key: &'a EvaluationKey,
    shape: Architecture,
    ring: CiphertextRing,
    plan: Plan,
    /// How often an answer is switched down.
    answer_level: usize,
    buffers: Buffers,
}

impl<'a> Engine<'a> {
    /// An engine for `ensemble` under `key`, with the fastest kernel that the processor runs.
    ///
    /// # Errors
    /// If the network's values could leave the arithmetic's range.
    pub fn new(key: &'a EvaluationKey, ensemble: &IntegerEnsemble) -> Result<Self, PlanError> {
        Self::with_kernel(key, ensemble, Kernel::detect())
    }

    /// The same with a kernel of one's choice.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_kernel(
        key: &'a EvaluationKey,
        ensemble: &IntegerEnsemble,
        kernel: Kernel,
    ) -> Result<Self, PlanError> {
        let plan = Plan::new(&key.parameters, ensemble, kernel)?;
        let ring = CiphertextRing::new(key)?;
        let answer_level = key.parameters.answer_level();
        let shape = *ensemble.architecture();
        Ok(Self { key, shape, ring, plan, answer_level, buffers: Buffers::default() })
    }

    /// The instruction set that the inner loops run with.
    #[must_use]
    pub fn kernel(&self) -> Kernel {
        self.plan.kernel
    }

    /// Primes that ciphertexts are lifted to.
    #[must_use]
    pub fn evaluation_primes(&self) -> usize {
        self.plan.moduli.len()
    }

    /// The work of one batch, in the units that [`evaluate`](Self::evaluate) reports.
    #[must_use]
    pub fn work(&self) -> u64 {
        (self.plan.moduli.len() * self.tiles()) as u64
    }

    fn degree(&self) -> usize {
        self.key.parameters.degree()
    }

    fn tiles(&self) -> usize {
        self.degree() / LANES
    }

    /// Evaluates every member on `batch` and adds their logits, using the threads of the current `rayon` pool;
    /// `watch` is told of finished work and may end it between two tiles. The members' own logits are returned
    /// `with_members` only: they cost a scaling each that their sum does not need.
    ///
    /// # Errors
    /// If the batch holds other images than the network reads, `watch` ends the evaluation, or `fhe` refuses an
    /// operation.
    pub fn evaluate(
        &self,
        batch: &EncryptedBatch,
        with_members: bool,
        watch: &dyn Watch,
    ) -> Result<EncryptedAnswer, BfvError> {
        let needed = self.shape.pixels();
        if batch.pixels.len() != needed {
            return Err(BfvError::Pixels { found: batch.pixels.len(), needed });
        }
        let mut clock = StageClock::new(self.plan.members.len());
        let inputs = self.prepare(&batch.pixels);
        clock.shared(Layer::Convolution1);
        let points = self.first_block(&inputs, watch, &mut clock)?;
        drop(inputs);
        let hidden = self.hidden_units(&points);
        drop(points);
        clock.members(Layer::Activation2);
        let logits = self.second_block(&hidden);
        drop(hidden);
        clock.members(Layer::Activation4);
        let members = if with_members {
            (0..self.plan.members.len())
                .map(|member| {
                    self.answer(
                        &logits,
                        |sums| &sums.members[member][..],
                        &self.plan.members[member].output_biases,
                    )
                })
                .collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        clock.members(Layer::Dense5);
        let ensemble = self.answer(&logits, |sums| &sums.ensemble[..], &self.plan.ensemble_biases)?;
        clock.shared(Layer::EnsembleSum);
        Ok(EncryptedAnswer { members, ensemble, times: clock.times() })
    }

    /// Both polynomials of every ciphertext, ready to be lifted: ciphertext after ciphertext.
    fn prepare(&self, ciphertexts: &[Ciphertext]) -> Vec<Prepared<'_>> {
        let polynomials: Vec<&Poly> = ciphertexts.iter().flat_map(|ciphertext| ciphertext.iter()).collect();
        polynomials.into_par_iter().map(|polynomial| self.prepare_polynomial(polynomial)).collect()
    }

    fn prepare_polynomial(&self, polynomial: &Poly) -> Prepared<'_> {
        let coefficients = self.ring.scaled_coefficients(polynomial, &self.buffers);
        self.plan.lift.prepare_scaled(self.plan.kernel, coefficients)
    }

    /// Takes values at the evaluation points of all primes, N times too large, back to the coefficients of a ciphertext
    /// polynomial, and adds the constant polynomial `bias`, given modulo the ciphertext primes.
    fn take_back(&self, mut values: Buffer<'_>, bias: Option<&[u64]>) -> Buffer<'_> {
        let degree = self.degree();
        for (values, transform) in values.chunks_exact_mut(degree).zip(&self.plan.transforms) {
            transform.inv(values);
        }
        let mut residues = self.plan.scale.scale(self.plan.kernel, &mut values, &self.buffers);
        if let Some(bias) = bias {
            let q = self.key.parameters.ciphertext_primes();
            for ((residues, bias), &q) in residues.chunks_exact_mut(degree).zip(bias).zip(q) {
                residues[0] = (residues[0] + bias) % q;
            }
        }
        residues
    }

    /// A ciphertext of three parts relinearised to two. `part` gives the values of a part at all primes.
    fn relinearised<'b>(&self, part: impl Fn(usize) -> Buffer<'b>, bias: &[u64]) -> [Buffer<'_>; 2] {
        let parts = [0, 1, 2].map(|index| self.take_back(part(index), (index == 0).then_some(bias)));
        self.ring.relinearise(self.plan.kernel, parts, &self.buffers)
    }

    /// Pieces of values, in their order, as one buffer: a value for every evaluation point of every prime.
    fn gathered<'b>(&self, pieces: impl Iterator<Item = &'b [u64]>) -> Buffer<'_> {
        let mut values = self.buffers.take(self.plan.moduli.len() * self.degree());
        let mut rest = &mut values[..];
        for piece in pieces {
            let (place, behind) = rest.split_at_mut(piece.len());
            place.copy_from_slice(piece);
            rest = behind;
        }
        debug_assert!(rest.is_empty());
        values
    }

    /// The hidden units of every member, member after member, ready to be lifted.
    fn hidden_units(&self, points: &first_block::Points<'_>) -> Vec<[Prepared<'_>; 2]> {
        let hidden = self.shape.hidden;
        (0..self.plan.members.len() * hidden)
            .into_par_iter()
            .map(|index| {
                let (member, unit) = (index / hidden, index % hidden);
                let bias = &self.plan.members[member].hidden_biases[unit];
                self.relinearised(|part| self.gathered(points.pieces(member, part, unit)), bias)
                    .map(|part| self.plan.lift.prepare(self.plan.kernel, part))
            })
            .collect()
    }

    /// The logits of a voter, at the lowest level at which they still decrypt.
    fn answer(
        &self,
        logits: &[second_block::Sums<'_>],
        voter: impl for<'b> Fn(&'b second_block::Sums<'_>) -> &'b [u64] + Sync,
        biases: &[Vec<u64>],
    ) -> Result<EncryptedLogits, BfvError> {
        let degree = self.degree();
        let class = |(class, bias): (usize, &Vec<u64>)| {
            let part = |part: usize| {
                let start = (3 * class + part) * degree;
                self.gathered(logits.iter().map(|sums| &voter(sums)[start..start + degree]))
            };
            let mut ciphertext = ciphertext(&self.relinearised(part, bias), self.key.parameters.inner())?;
            ciphertext.switch_to_level(self.answer_level)?;
            Ok(ciphertext)
        };
        let classes = biases.par_iter().enumerate().map(class).collect::<Result<_, BfvError>>()?;
        Ok(EncryptedLogits { classes })
    }
}

/// The factors of the three parts of a square (Fan and Vercauteren 2012): a0^2, 2 a0 a1, a1^2.
fn square_parts([first, second]: [&[i64]; 2]) -> [(&[i64], &[i64], i64); 3] {
    [(first, first, 1), (first, second, 2), (second, second, 1)]
}

#[cfg(test)]
mod tests;
