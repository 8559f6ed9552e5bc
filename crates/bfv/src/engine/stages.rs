//! The engine's stages one at a time, for benchmarks: not part of the public interface.

#![expect(
    clippy::indexing_slicing,
    reason = "benchmarks run on the first tile, member and prime, which every engine has"
)]

use std::time::Instant;

use aligned_vec::{AVec, avec};

use super::block::{BlockInputs, BlockSums, GROUP, TileBuffers};
use super::channel::ChannelEngine;
use super::clock::TileClock;
use super::kernels::tiles::{LANES, PARTS};
use crate::compact::layout::CompactCiphertext;
use crate::error::BfvError;

/// Four tiles and one hidden unit of an engine's first channel, at its first prime.
pub struct Stages<'a> {
    engine: &'a ChannelEngine,
    inputs: BlockInputs<'a>,
    sums: BlockSums<'a>,
    clock: TileClock,
    tile: TileBuffers,
    output: AVec<u64>,
    values: AVec<u64>,
}

impl<'a> Stages<'a> {
    /// Evaluates the first block on a channel's `pixels`, and keeps the inputs of every stage.
    pub(super) fn new(engine: &'a ChannelEngine, pixels: &'a [CompactCiphertext]) -> Result<Self, BfvError> {
        let (model, block) = (&engine.model, &engine.model.ensemble.first);
        let inputs = model.pixels(pixels)?;
        let clock = TileClock::new(block.members.len());
        let sums = model.block_sums(block, &inputs, &clock, &())?;
        let rows = block.outputs * PARTS * LANES;
        let mut stages = Self {
            engine,
            inputs,
            sums,
            tile: model.block_evaluation(block, &clock, &()).new_tile_buffers(),
            output: avec![0; rows],
            values: avec![1; model.channel.degree()],
            clock,
        };
        stages.load();
        Ok(stages)
    }

    /// Names the parameters that the figures depend on.
    #[must_use]
    pub fn parameters(&self) -> String {
        let (model, block) = (&self.engine.model, &self.engine.model.ensemble.first);
        let degree = model.channel.degree();
        format!("{},N={degree},k={},hidden={}", model.ensemble.kernel, block.primes, block.kept)
    }

    /// Gathers the inputs of four tiles out of their compact limbs.
    pub fn load(&mut self) {
        let inputs = GROUP * self.engine.model.ensemble.first.inputs;
        self.inputs.load(0, 0, 0, &mut self.tile.inputs[..inputs]);
    }

    /// Evaluates convolution, squares and hidden layer of one member at one tile.
    pub fn member(&mut self) {
        let Self { engine, clock, tile, output, .. } = self;
        let block = &engine.model.ensemble.first;
        let evaluation = engine.model.block_evaluation(block, clock, &());
        let mut lap = Instant::now();
        evaluation.evaluate_member(0, (0, &block.members[0]), 0, tile, output, LANES, &mut lap);
    }

    /// Transforms one polynomial forward.
    pub fn transform(&mut self) {
        self.engine.model.ring().transforms[0].forward(&mut self.values);
    }

    /// Gathers a hidden unit, relinearises it and switches its modulus down.
    pub fn switch(&self) {
        drop(self.engine.output(&self.engine.model.ensemble.first, &self.sums, 0));
    }
}
