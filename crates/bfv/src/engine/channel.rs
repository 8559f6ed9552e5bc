//! The engine of one channel: the whole evaluation modulo one plaintext modulus.

use std::sync::Arc;

use fhe::bfv::{Ciphertext, PublicKey};
use fhe_math::rq::Poly;
use rayon::prelude::*;
use sottovoce_network::{Architecture, IntegerEnsemble};

use super::buffers::{Buffer, Buffers};
use super::ciphertext_ring::{CiphertextRing, ciphertext};
use super::clock::StageClock;
use super::hiding::Flood;
use super::kernels::{Kernel, LANES};
use super::plan::Plan;
use super::rns::Prepared;
use super::{PlanError, first_block, second_block};
use crate::keys::ChannelKey;
use crate::parameters::Channel;
use crate::{BfvError, Layer, LayerTime, Watch};

/// Evaluates an ensemble modulo one plaintext modulus.
pub struct ChannelEngine {
    pub channel: Channel,
    pub shape: Architecture,
    pub ring: CiphertextRing,
    /// The weights' side, which does not depend on the key.
    pub plan: Arc<Plan>,
    /// How often an answer is switched down.
    pub answer_level: usize,
    pub buffers: Arc<Buffers>,
    public: PublicKey,
    /// What answers are hidden with, if they are.
    pub flood: Option<Flood>,
}

/// One channel's part of an answer: a ciphertext for every class.
pub struct ChannelAnswer {
    pub members: Vec<Vec<Ciphertext>>,
    pub ensemble: Vec<Ciphertext>,
    pub times: Vec<LayerTime>,
}

impl ChannelEngine {
    pub fn new(
        key: &ChannelKey,
        ensemble: &IntegerEnsemble,
        kernel: Kernel,
        buffers: &Arc<Buffers>,
    ) -> Result<Self, PlanError> {
        let plan = Plan::new(&key.channel, ensemble, kernel)?;
        Ok(Self {
            channel: key.channel.clone(),
            shape: *ensemble.architecture(),
            ring: CiphertextRing::new(key)?,
            plan: Arc::new(plan),
            answer_level: key.channel.answer_level(),
            buffers: buffers.clone(),
            public: key.public.clone(),
            flood: None,
        })
    }

    /// The same under another key for the same channel.
    pub fn under(&self, key: &ChannelKey) -> Result<Self, PlanError> {
        if !Arc::ptr_eq(self.channel.inner(), key.channel.inner()) {
            return Err(PlanError::OtherParameters);
        }
        Ok(Self {
            channel: self.channel.clone(),
            shape: self.shape,
            ring: CiphertextRing::new(key)?,
            plan: self.plan.clone(),
            answer_level: self.answer_level,
            buffers: self.buffers.clone(),
            public: key.public.clone(),
            flood: self.flood,
        })
    }

    /// The work of one batch.
    pub fn work(&self) -> u64 {
        (self.plan.moduli.len() * self.tiles()) as u64
    }

    pub fn degree(&self) -> usize {
        self.channel.degree()
    }

    fn tiles(&self) -> usize {
        self.degree() / LANES
    }

    /// Evaluates every member on a batch of as many ciphertexts as the network reads pixels.
    pub fn evaluate(
        &self,
        pixels: &[Ciphertext],
        with_members: bool,
        watch: &dyn Watch,
    ) -> Result<ChannelAnswer, BfvError> {
        let mut clock = StageClock::new(self.plan.members.len());
        let inputs = self.prepare(pixels);
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
        Ok(ChannelAnswer { members, ensemble, times: clock.times() })
    }

    /// Both polynomials of every ciphertext, ready to be lifted: ciphertext after ciphertext.
    pub fn prepare(&self, ciphertexts: &[Ciphertext]) -> Vec<Prepared<'_>> {
        let polynomials: Vec<&Poly> = ciphertexts.iter().flat_map(|ciphertext| ciphertext.iter()).collect();
        polynomials.into_par_iter().map(|polynomial| self.prepare_polynomial(polynomial)).collect()
    }

    pub fn prepare_polynomial(&self, polynomial: &Poly) -> Prepared<'_> {
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
            let q = self.channel.ciphertext_primes();
            for ((residues, bias), &q) in residues.chunks_exact_mut(degree).zip(bias).zip(q) {
                residues[0] = (residues[0] + bias) % q;
            }
        }
        residues
    }

    /// A ciphertext of three parts relinearised to two. `part` gives the values of a part at all primes.
    pub fn relinearised<'b>(&self, part: impl Fn(usize) -> Buffer<'b>, bias: &[u64]) -> [Buffer<'_>; 2] {
        let parts = [0, 1, 2].map(|index| self.take_back(part(index), (index == 0).then_some(bias)));
        self.ring.relinearise(self.plan.kernel, parts, &self.buffers)
    }

    /// Pieces of values, in their order, as one buffer: a value for every evaluation point of every prime.
    pub fn gathered<'b>(&self, pieces: impl Iterator<Item = &'b [u64]>) -> Buffer<'_> {
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

    /// The logits of a voter, hidden if they are to be, at the lowest level at which they still decrypt.
    pub fn answer(
        &self,
        logits: &[second_block::Sums<'_>],
        voter: impl for<'b> Fn(&'b second_block::Sums<'_>) -> &'b [u64] + Sync,
        biases: &[Vec<u64>],
    ) -> Result<Vec<Ciphertext>, BfvError> {
        let degree = self.degree();
        let class = |(class, bias): (usize, &Vec<u64>)| {
            let part = |part: usize| {
                let start = (3 * class + part) * degree;
                self.gathered(logits.iter().map(|sums| &voter(sums)[start..start + degree]))
            };
            let mut ciphertext = ciphertext(&self.relinearised(part, bias), self.channel.inner())?;
            if let Some(flood) = self.flood {
                flood.hide(&mut ciphertext, &self.public, self.channel.inner())?;
            }
            ciphertext.switch_to_level(self.answer_level)?;
            Ok(ciphertext)
        };
        biases.par_iter().enumerate().map(class).collect()
    }
}
