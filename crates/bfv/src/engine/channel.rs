//! The engine of one channel: the whole evaluation modulo one plaintext modulus.

use std::borrow::Cow;
use std::sync::Arc;

use fhe::bfv::{Ciphertext, PublicKey};
use rayon::prelude::*;
use sottovoce_network::{Architecture, IntegerEnsemble};

use super::PlanError;
use super::block::{BlockEvaluation, Inputs, Points};
use super::buffers::{Buffer, Buffers};
use super::clock::{StageClock, TileClock};
use super::hiding::Flood;
use super::kernels::{LANES, PARTS};
use super::key_switching::{Switch, SwitchingKey, ciphertext};
use super::plan::{BlockPlan, Plan};
use crate::kernel::Kernel;
use crate::keys::ChannelKey;
use crate::packed::{PackedCiphertext, RowLayout};
use crate::parameters::Channel;
use crate::progress::ProgressObserver;
use crate::{BfvError, Layer, LayerTime, encryption};

/// The layers of every block: of its first map, its square and its second map.
const LAYERS: [[Layer; 3]; 2] = [
    [Layer::Convolution1, Layer::Activation2, Layer::Dense3],
    [Layer::Activation4, Layer::Activation4, Layer::Dense5],
];

/// Evaluates an ensemble modulo one plaintext modulus.
pub struct ChannelEngine {
    pub channel: Channel,
    pub shape: Architecture,
    key: SwitchingKey,
    /// The weights' side, which does not depend on the key.
    pub plan: Arc<Plan>,
    layout: RowLayout,
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
            key: SwitchingKey::new(key, &plan)?,
            plan: Arc::new(plan),
            layout: key.channel.upload_layout(),
            buffers: buffers.clone(),
            public: key.public.clone(),
            flood: None,
        })
    }

    /// An engine with the same plan and memory, and another key for the same channel.
    pub fn with_key(&self, key: &ChannelKey) -> Result<Self, PlanError> {
        if !Arc::ptr_eq(self.channel.inner(), key.channel.inner()) {
            return Err(PlanError::OtherParameters);
        }
        Ok(Self {
            channel: self.channel.clone(),
            shape: self.shape,
            key: SwitchingKey::new(key, &self.plan)?,
            plan: self.plan.clone(),
            layout: self.layout.clone(),
            buffers: self.buffers.clone(),
            public: key.public.clone(),
            flood: self.flood,
        })
    }

    /// The work of one batch: tiles of all blocks.
    pub fn work(&self) -> u64 {
        let primes: usize = self.plan.blocks.iter().map(|block| block.primes).sum();
        (primes * self.degree() / LANES) as u64
    }

    pub fn degree(&self) -> usize {
        self.channel.degree()
    }

    /// Evaluates every member on a batch of as many ciphertexts as the network reads pixels.
    pub fn evaluate(
        &self,
        pixels: &[PackedCiphertext],
        with_members: bool,
        observer: &dyn ProgressObserver,
    ) -> Result<ChannelAnswer, BfvError> {
        let mut clock = StageClock::new(self.plan.blocks[0].members.len());
        let points = self.last_sums(pixels, observer, &mut clock)?;
        let block = self.last_block();
        let members = if with_members {
            let members = block.members.iter().enumerate();
            members
                .map(|(member, plan)| self.answer(&points, &[member], &plan.output_biases))
                .collect::<Result<_, _>>()?
        } else {
            Vec::new()
        };
        clock.members(Layer::Dense5);
        let all: Vec<usize> = (0..block.members.len()).collect();
        let ensemble = self.answer(&points, &all, &block.summed_biases)?;
        clock.shared(Layer::EnsembleSum);
        Ok(ChannelAnswer { members, ensemble, times: clock.times() })
    }

    pub fn last_block(&self) -> &BlockPlan {
        // A plan has two blocks.
        &self.plan.blocks[self.plan.blocks.len() - 1]
    }

    /// The sums of squares of the last block, after all blocks before it.
    fn last_sums<'a>(
        &'a self,
        pixels: &'a [PackedCiphertext],
        observer: &dyn ProgressObserver,
        clock: &mut StageClock,
    ) -> Result<Points<'a>, BfvError> {
        let mut inputs = self.pixels(pixels)?;
        clock.shared(Layer::Convolution1);
        let sums = |block: &'a BlockPlan, layers, inputs: &Inputs<'_>, clock: &mut StageClock| {
            let tiles = TileClock::new(block.members.len());
            let points = self.sums(block, inputs, &tiles, observer)?;
            clock.tiles(&tiles, layers);
            Ok::<_, BfvError>(points)
        };
        let blocks = &self.plan.blocks;
        for (block, layers) in blocks[..blocks.len() - 1].iter().zip(LAYERS) {
            let points = sums(block, layers, &inputs, clock)?;
            inputs = self.members(block, &points);
            clock.members(layers[1]);
        }
        sums(self.last_block(), LAYERS[LAYERS.len() - 1], &inputs, clock)
    }

    /// A batch as the first block reads it.
    pub fn pixels<'a>(&self, pixels: &'a [PackedCiphertext]) -> Result<Inputs<'a>, BfvError>
    where
        Self: 'a,
    {
        let (primes, degree) = (self.channel.ciphertext_primes(), self.degree());
        let expanded = |seed| encryption::expanded(self.plan.kernel, &seed, primes, degree);
        let pixel = |pixel: &'a PackedCiphertext| -> Result<[Cow<'a, [u8]>; 2], BfvError> {
            let second = match (&pixel.second, pixel.seed) {
                (Some(second), _) => Cow::Borrowed(&second[..]),
                (None, Some(seed)) => Cow::Owned(self.layout.pack(&expanded(seed)).into_vec()),
                (None, None) => return Err(BfvError::Ring),
            };
            Ok([Cow::Borrowed(&pixel.first[..]), second])
        };
        let pixels = pixels.par_iter().map(pixel).collect::<Result<_, _>>()?;
        Ok(Inputs::Pixels { layout: self.layout.clone(), pixels })
    }

    pub fn sums<'a>(
        &'a self,
        block: &'a BlockPlan,
        inputs: &Inputs<'_>,
        clock: &TileClock,
        observer: &dyn ProgressObserver,
    ) -> Result<Points<'a>, BfvError> {
        self.evaluation(block, clock, observer).evaluate(inputs, &self.buffers)
    }

    pub fn evaluation<'b>(
        &'b self,
        block: &'b BlockPlan,
        clock: &'b TileClock,
        observer: &'b dyn ProgressObserver,
    ) -> BlockEvaluation<'b> {
        let (kernel, moduli) = (self.plan.kernel, &self.plan.moduli[..]);
        BlockEvaluation { block, kernel, moduli, degree: self.degree(), clock, observer }
    }

    /// Switches a block's outputs to the primes that are kept, or to others.
    fn switch(&self, block: &BlockPlan, kept: usize) -> Switch<'_> {
        Switch {
            kernel: self.plan.kernel,
            moduli: &self.plan.moduli,
            transforms: self.channel.transforms(self.channel.upload_level()),
            buffers: &self.buffers,
            degree: self.degree(),
            square_factors: block.square_factors.clone(),
            kept,
        }
    }

    /// The outputs of every member of a block as the next block reads them.
    fn members(&self, block: &BlockPlan, points: &Points<'_>) -> Inputs<'_> {
        let units = self.outputs(block, points);
        Inputs::Members { units, per_member: block.outputs, degree: self.degree() }
    }

    /// The outputs of every member of a block, member after member, as ciphertexts of two parts.
    pub fn outputs(&self, block: &BlockPlan, points: &Points<'_>) -> Vec<[Buffer<'_>; 2]> {
        let outputs = (0..block.members.len() * block.outputs).into_par_iter();
        outputs.map(|index| self.output(block, points, index)).collect()
    }

    /// One of them.
    pub fn output(&self, block: &BlockPlan, points: &Points<'_>, index: usize) -> [Buffer<'_>; 2] {
        let (member, output) = (index / block.outputs, index % block.outputs);
        let bias = &block.members[member].output_biases[output];
        let parts = points.parts(member, output, &self.buffers);
        self.switch(block, block.kept).relinearise_and_drop(&self.key, &parts, block.primes, bias)
    }

    /// The logits of the sum of some members, hidden if they are to be, at the level of answers.
    fn answer(
        &self,
        points: &Points<'_>,
        members: &[usize],
        biases: &[Vec<u64>],
    ) -> Result<Vec<Ciphertext>, BfvError> {
        let class = |(class, bias): (usize, &Vec<u64>)| {
            let level = self.channel.answer_level();
            let Some(flood) = self.flood else {
                return self.logit(points, members, class, bias, level);
            };
            let mut logit = self.logit(points, members, class, bias, self.channel.hidden_level())?;
            flood.hide(&mut logit, &self.public, self.channel.inner())?;
            logit.switch_to_level(level)?;
            Ok(logit)
        };
        biases.par_iter().enumerate().map(class).collect()
    }

    /// One logit of the sum of some members at a level between that of hidden units and that of answers.
    pub fn logit(
        &self,
        points: &Points<'_>,
        members: &[usize],
        class: usize,
        bias: &[u64],
        level: usize,
    ) -> Result<Ciphertext, BfvError> {
        let block = self.last_block();
        let mut parts = [(); PARTS].map(|()| {
            let mut sum = self.buffers.take(block.primes * self.degree());
            sum.fill(0);
            sum
        });
        for &member in members {
            for (sum, part) in parts.iter_mut().zip(points.parts(member, class, &self.buffers)) {
                let degree = self.degree();
                for ((sum, part), &modulus) in
                    sum.chunks_exact_mut(degree).zip(part.chunks_exact(degree)).zip(&self.plan.moduli)
                {
                    self.plan.kernel.add(sum, part, modulus);
                }
            }
        }
        let kept = self.channel.key_primes().len() - level;
        let switched = self.switch(block, kept).relinearise_and_drop(&self.key, &parts, block.primes, bias);
        ciphertext(&switched, kept * self.degree(), self.channel.inner(), level)
    }
}
