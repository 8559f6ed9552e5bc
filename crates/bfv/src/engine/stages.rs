//! The engine's stages one at a time, for benchmarks: not part of the public interface.

use std::time::Instant;

use aligned_vec::{AVec, avec};

use super::Engine;
use super::block::{GROUP, Inputs, Points, Tile};
use super::channel::ChannelEngine;
use super::clock::TileClock;
use super::kernels::{LANES, PARTS};
use crate::{BfvError, EncryptedBatch};

/// Four tiles and one hidden unit of an engine's first channel, at its first prime.
pub struct Stages<'a> {
    engine: &'a ChannelEngine,
    inputs: Inputs<'a>,
    points: Points<'a>,
    clock: TileClock,
    tile: Tile,
    output: AVec<u64>,
    values: AVec<u64>,
}

impl<'a> Stages<'a> {
    /// Evaluates the first block of `batch`, and keeps what stages begin with.
    ///
    /// # Errors
    /// As [`Engine::evaluate`].
    pub fn new(engine: &'a Engine, batch: &'a EncryptedBatch) -> Result<Self, BfvError> {
        let engine = &engine.channels[0];
        let block = &engine.plan.blocks[0];
        let inputs = engine.pixels(&batch.channels[0])?;
        let clock = TileClock::new(block.members.len());
        let points = engine.sums(block, &inputs, &clock, &())?;
        let rows = block.outputs * PARTS * LANES;
        let mut stages = Self {
            engine,
            inputs,
            points,
            tile: engine.evaluation(block, &clock, &()).new_tile(),
            output: avec![0; rows],
            values: avec![1; engine.degree()],
            clock,
        };
        stages.load();
        Ok(stages)
    }

    /// What the figures depend on.
    #[must_use]
    pub fn parameters(&self) -> String {
        let (plan, block) = (&self.engine.plan, &self.engine.plan.blocks[0]);
        format!("{},N={},k={},hidden={}", plan.kernel, self.engine.degree(), block.primes, block.kept)
    }

    /// The inputs of four tiles, gathered out of their packed rows.
    pub fn load(&mut self) {
        let inputs = GROUP * self.engine.plan.blocks[0].inputs;
        self.inputs.load(0, 0, 0, &mut self.tile.inputs[..inputs]);
    }

    /// Convolution, squares and hidden layer of one member at one tile.
    pub fn member(&mut self) {
        let Self { engine, clock, tile, output, .. } = self;
        let block = &engine.plan.blocks[0];
        let evaluation = engine.evaluation(block, clock, &());
        let mut lap = Instant::now();
        evaluation.evaluate_member(0, (0, &block.members[0]), 0, tile, output, LANES, &mut lap);
    }

    /// One forward transform.
    pub fn transform(&mut self) {
        let channel = &self.engine.channel;
        channel.transforms(channel.upload_level())[0].forward(&mut self.values);
    }

    /// A hidden unit gathered, relinearised and switched to its primes.
    pub fn switch(&self) {
        drop(self.engine.output(&self.engine.plan.blocks[0], &self.points, 0));
    }
}
