//! The engine of one channel: the whole evaluation modulo one plaintext modulus.

use std::borrow::Cow;
use std::sync::Arc;

use fhe::bfv::{Ciphertext, PublicKey};
use fhe_math::rq::Representation;
use rayon::prelude::*;
use sottovoce_network::IntegerEnsemble;

use super::block::{BlockEvaluation, BlockInputs, BlockSums};
use super::buffer_pool::{BufferPool, PooledBuffer};
use super::clock::{StageClock, TileClock};
use super::compiled::{CompiledBlock, CompiledEnsemble};
use super::error::EngineError;
use super::flooding::FloodingNoise;
use super::kernels::dispatch;
use super::kernels::tiles::{LANES, PARTS};
use super::modulus_switching::switch_modulus_down;
use super::relinearisation::{DigitKeys, relinearise};
use super::ring::Ring;
use crate::ciphertexts::IntermediateCiphertexts;
use crate::compact::layout::{CompactCiphertext, LimbLayout};
use crate::error::BfvError;
use crate::evaluation::{Layer, LayerTime};
use crate::evaluation_key::ChannelKey;
use crate::kernel::Kernel;
use crate::parameters::channel::Channel;
use crate::parameters::level::Level;
use crate::progress::ProgressObserver;
use crate::residues::public_polynomial;
use crate::seed::expansion::expanded;

/// The layers of the two blocks: of the first map, the square and the second map.
const LAYERS: [[Layer; 3]; 2] = [
    [Layer::Convolution1, Layer::Activation2, Layer::Dense3],
    [Layer::Activation4, Layer::Activation4, Layer::Dense5],
];

/// An ensemble compiled for one channel, with the memory for its evaluation. It does not depend on a key.
pub struct ChannelModel {
    pub channel: Channel,
    pub ensemble: CompiledEnsemble,
    layout: LimbLayout,
    pool: Arc<BufferPool>,
}

/// Evaluates an ensemble modulo one plaintext modulus, with one client's keys.
pub struct ChannelEngine {
    pub model: Arc<ChannelModel>,
    digit_keys: DigitKeys,
    public: PublicKey,
    /// Noise that answers are re-randomised with, if they are.
    pub flooding: Option<FloodingNoise>,
}

/// One channel's part of an answer: a ciphertext for every class.
pub struct ChannelAnswer {
    pub members: Vec<Vec<Ciphertext>>,
    pub ensemble: Vec<Ciphertext>,
    pub times: Vec<LayerTime>,
}

impl ChannelModel {
    /// Compiles `ensemble` for a channel.
    ///
    /// # Errors
    /// If the ring is too small, or a row of weights too long.
    pub fn new(
        channel: &Channel,
        ensemble: &IntegerEnsemble,
        kernel: Kernel,
        pool: &Arc<BufferPool>,
    ) -> Result<Self, EngineError> {
        Ok(Self {
            channel: channel.clone(),
            ensemble: CompiledEnsemble::new(channel, ensemble, kernel)?,
            layout: channel.upload_layout(),
            pool: pool.clone(),
        })
    }

    /// The number of tiles in all blocks: the work of one batch.
    pub fn work(&self) -> u64 {
        let primes: usize = self.ensemble.blocks().iter().map(|block| block.primes).sum();
        (primes * self.channel.degree() / LANES) as u64
    }

    /// The tables of the channel's ring.
    pub fn ring(&self) -> Ring<'_> {
        Ring {
            kernel: self.ensemble.kernel,
            moduli: &self.ensemble.moduli,
            transforms: self.channel.transforms(self.channel.upload_level()),
            pool: &self.pool,
            degree: self.channel.degree(),
        }
    }

    /// A batch as the inputs of the first block.
    ///
    /// # Errors
    /// If a ciphertext has neither a second polynomial nor a seed.
    pub fn pixels<'a>(&'a self, pixels: &'a [CompactCiphertext]) -> Result<BlockInputs<'a>, BfvError> {
        let (primes, degree) = (self.channel.ciphertext_primes(), self.channel.degree());
        let expanded = |seed| expanded(self.ensemble.kernel, &seed, primes, degree);
        let pixel = |pixel: &'a CompactCiphertext| -> Result<[Cow<'a, [u8]>; 2], BfvError> {
            let second = match (&pixel.second, pixel.seed) {
                (Some(second), _) => Cow::Borrowed(&second[..]),
                (None, Some(seed)) => Cow::Owned(self.layout.pack(&expanded(seed)).into_vec()),
                (None, None) => return Err(BfvError::Incomplete),
            };
            Ok([Cow::Borrowed(&pixel.first[..]), second])
        };
        let pixels = pixels.par_iter().map(pixel).collect::<Result<_, _>>()?;
        Ok(BlockInputs::Pixels { layout: self.layout.clone(), pixels })
    }

    /// The evaluation of one block.
    pub fn block_evaluation<'a>(
        &'a self,
        block: &'a CompiledBlock,
        clock: &'a TileClock,
        observer: &'a dyn ProgressObserver,
    ) -> BlockEvaluation<'a> {
        let (kernel, moduli) = (self.ensemble.kernel, &self.ensemble.moduli[..]);
        BlockEvaluation { block, kernel, moduli, degree: self.channel.degree(), clock, observer }
    }

    /// The sums of squares of one block.
    ///
    /// # Errors
    /// If `observer` cancels the evaluation.
    pub fn block_sums(
        &self,
        block: &CompiledBlock,
        inputs: &BlockInputs<'_>,
        clock: &TileClock,
        observer: &dyn ProgressObserver,
    ) -> Result<BlockSums<'_>, BfvError> {
        self.block_evaluation(block, clock, observer).evaluate(inputs, &self.pool)
    }

    /// A ciphertext of `fhe` at a level, of transformed polynomials that have at least the level's primes.
    fn ciphertext(&self, polynomials: &[PooledBuffer<'_>; 2], level: Level) -> Result<Ciphertext, BfvError> {
        let context = self.channel.context(level)?;
        let length = context.moduli().len() * self.channel.degree();
        let polynomial = |values: &PooledBuffer<'_>| {
            let residues = values.get(..length).ok_or(BfvError::Incomplete)?;
            Ok::<_, BfvError>(public_polynomial(residues.to_vec(), context, Representation::Ntt)?)
        };
        let polynomials = polynomials.iter().map(polynomial).collect::<Result<_, _>>()?;
        Ok(Ciphertext::new(polynomials, self.channel.inner())?)
    }
}

impl ChannelEngine {
    /// An engine for a compiled ensemble and one client's keys of the same channel.
    ///
    /// # Errors
    /// If the key is for other parameters, or `fhe` refuses an operation on it.
    pub fn new(
        model: Arc<ChannelModel>,
        key: &ChannelKey,
        flooding: Option<FloodingNoise>,
    ) -> Result<Self, EngineError> {
        if !Arc::ptr_eq(model.channel.inner(), key.channel.inner()) {
            return Err(EngineError::OtherParameters);
        }
        let digit_keys = DigitKeys::new(key, model.ensemble.kernel, &model.ensemble.moduli)?;
        Ok(Self { model, digit_keys, public: key.public.clone(), flooding })
    }

    /// Evaluates every member on a batch of as many ciphertexts as the network reads pixels.
    ///
    /// # Errors
    /// If a ciphertext is incomplete, `observer` cancels the evaluation, or `fhe` refuses an operation.
    pub fn evaluate(
        &self,
        pixels: &[CompactCiphertext],
        with_members: bool,
        observer: &dyn ProgressObserver,
    ) -> Result<ChannelAnswer, BfvError> {
        let CompiledEnsemble { first, last, .. } = &self.model.ensemble;
        let mut clock = StageClock::new(first.members.len());
        let inputs = self.model.pixels(pixels)?;
        clock.shared(Layer::Convolution1);
        let sums = |block: &CompiledBlock, layers, inputs: &BlockInputs<'_>, clock: &mut StageClock| {
            let tiles = TileClock::new(block.members.len());
            let sums = self.model.block_sums(block, inputs, &tiles, observer)?;
            clock.tiles(&tiles, layers);
            Ok::<_, BfvError>(sums)
        };
        let [first_layers, last_layers] = LAYERS;
        let first_sums = sums(first, first_layers, &inputs, &mut clock)?;
        let hidden = self.outputs(first, &first_sums);
        drop((inputs, first_sums));
        let inputs = self.member_inputs(first, hidden);
        let [_, activation, _] = first_layers;
        clock.members(activation);
        let last_sums = sums(last, last_layers, &inputs, &mut clock)?;

        let members = if with_members {
            let members = last.members.iter().enumerate();
            members
                .map(|(member, weights)| self.answer(&last_sums, &[member], &weights.output_biases))
                .collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        clock.members(Layer::Dense5);
        let all: Vec<usize> = (0..last.members.len()).collect();
        let ensemble = self.answer(&last_sums, &all, &last.summed_biases)?;
        clock.shared(Layer::EnsembleSum);
        Ok(ChannelAnswer { members, ensemble, times: clock.times() })
    }

    /// Evaluates a batch and returns the ciphertexts between the steps.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate).
    pub fn intermediate_ciphertexts(
        &self,
        pixels: &[CompactCiphertext],
    ) -> Result<IntermediateCiphertexts, BfvError> {
        let CompiledEnsemble { first, last, .. } = &self.model.ensemble;
        let level = self.model.channel.hidden_level();
        let sums = |block: &CompiledBlock, inputs: &BlockInputs<'_>| {
            self.model.block_sums(block, inputs, &TileClock::new(block.members.len()), &())
        };
        let units = self.outputs(first, &sums(first, &self.model.pixels(pixels)?)?);
        let hidden =
            units.par_iter().map(|unit| self.model.ciphertext(unit, level)).collect::<Result<_, _>>()?;
        let last_sums = sums(last, &self.member_inputs(first, units))?;
        let all: Vec<usize> = (0..last.members.len()).collect();
        let logits = last.summed_biases.par_iter().enumerate();
        let logits = logits
            .map(|(class, bias)| self.logit(&last_sums, &all, class, bias, level))
            .collect::<Result<_, _>>()?;
        Ok(IntermediateCiphertexts { hidden, logits })
    }

    /// The outputs of every member of a block as the inputs of the next block.
    fn member_inputs<'a>(&self, block: &CompiledBlock, units: Vec<[PooledBuffer<'a>; 2]>) -> BlockInputs<'a> {
        BlockInputs::Members { units, per_member: block.outputs, degree: self.model.channel.degree() }
    }

    /// The outputs of every member of a block, member after member, as ciphertexts of two parts.
    fn outputs(&self, block: &CompiledBlock, sums: &BlockSums<'_>) -> Vec<[PooledBuffer<'_>; 2]> {
        let outputs = (0..block.members.len() * block.outputs).into_par_iter();
        outputs.map(|index| self.output(block, sums, index)).collect()
    }

    /// The output of a block with the number `index`, counted through all members: relinearised, and switched down to the primes
    /// that outputs keep.
    #[expect(clippy::indexing_slicing, reason = "the index counts the outputs of all members")]
    pub fn output(&self, block: &CompiledBlock, sums: &BlockSums<'_>, index: usize) -> [PooledBuffer<'_>; 2] {
        let (member, output, ring) = (index / block.outputs, index % block.outputs, self.model.ring());
        let bias = &block.members[member].output_biases[output];
        let parts = sums.parts(member, output, ring.pool);
        let mut output = relinearise(ring, &self.digit_keys, &parts, &block.square_factors, bias);
        switch_modulus_down(ring, &mut output, block.primes, block.kept);
        output
    }

    /// The logits of the sum of some members at the level of answers, re-randomised if the engine floods noise.
    fn answer(
        &self,
        sums: &BlockSums<'_>,
        members: &[usize],
        biases: &[Vec<u64>],
    ) -> Result<Vec<Ciphertext>, BfvError> {
        let channel = &self.model.channel;
        let class = |(class, bias): (usize, &Vec<u64>)| {
            let level = channel.answer_level();
            let Some(flooding) = self.flooding else {
                return self.logit(sums, members, class, bias, level);
            };
            let mut logit = self.logit(sums, members, class, bias, channel.hidden_level())?;
            flooding.rerandomise(&mut logit, &self.public, channel, channel.hidden_level())?;
            logit.switch_to_level(level.dropped_primes())?;
            Ok(logit)
        };
        biases.par_iter().enumerate().map(class).collect()
    }

    /// One logit of the sum of some members at a level from that of hidden units to that of answers.
    fn logit(
        &self,
        sums: &BlockSums<'_>,
        members: &[usize],
        class: usize,
        bias: &[u64],
        level: Level,
    ) -> Result<Ciphertext, BfvError> {
        let (block, ring) = (&self.model.ensemble.last, self.model.ring());
        let mut parts = [(); PARTS].map(|()| {
            let mut sum = ring.pool.take(block.primes * ring.degree);
            sum.fill(0);
            sum
        });
        for &member in members {
            for (sum, part) in parts.iter_mut().zip(sums.parts(member, class, ring.pool)) {
                let limbs = sum.chunks_exact_mut(ring.degree).zip(part.chunks_exact(ring.degree));
                for ((sum, part), &modulus) in limbs.zip(ring.moduli) {
                    dispatch::add(ring.kernel, sum, part, modulus);
                }
            }
        }
        let kept = self.model.channel.primes_at(level).len();
        let mut logit = relinearise(ring, &self.digit_keys, &parts, &block.square_factors, bias);
        switch_modulus_down(ring, &mut logit, block.primes, kept);
        self.model.ciphertext(&logit, level)
    }
}
