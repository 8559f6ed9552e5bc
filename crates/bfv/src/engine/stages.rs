//! The engine's stages one at a time, for benchmarks: not part of the public interface.

use rand::Rng;

use super::Engine;
use super::channel::ChannelEngine;
use super::first_block::Tile;
use super::kernels::LANES;
use super::rns::Prepared;
use crate::EncryptedBatch;

/// One polynomial, one tile and one hidden unit of an engine's first channel, at its first evaluation prime.
pub struct Stages<'a> {
    engine: &'a ChannelEngine,
    prepared: Prepared<'a>,
    spectrum: Vec<u64>,
    spectra: Vec<u64>,
    tile: Tile,
}

impl<'a> Stages<'a> {
    /// Values of the kind that an evaluation meets.
    ///
    /// # Panics
    /// If the batch is empty.
    pub fn new(engine: &'a Engine, batch: &EncryptedBatch) -> Self {
        let engine = &engine.channels[0];
        let degree = engine.degree();
        let prepared = engine.prepare_polynomial(&batch.channels[0][0][0]);
        let mut rng = rand::rng();
        // Residues modulo every prime.
        let prime = engine.plan.moduli.iter().map(|modulus| modulus.value).min().unwrap_or(1);
        let mut residues =
            |count: usize| (0..count).map(|_| rng.random_range(0..prime)).collect::<Vec<u64>>();
        let spectra = residues(2 * engine.shape.pixels() * degree);
        Self { engine, prepared, spectrum: residues(degree), spectra, tile: engine.new_tile() }
    }

    /// What the figures depend on.
    pub fn parameters(&self) -> String {
        let ChannelEngine { channel, plan, .. } = self.engine;
        format!(
            "{},N={},k={},m={}",
            plan.kernel,
            self.engine.degree(),
            channel.ciphertext_primes().len(),
            plan.moduli.len()
        )
    }

    /// An input polynomial out of its transform and ready to be lifted.
    pub fn prepare(&self, batch: &EncryptedBatch) {
        drop(self.engine.prepare_polynomial(&batch.channels[0][0][0]));
    }

    /// A polynomial lifted to one evaluation prime.
    pub fn lift(&mut self) {
        self.engine.plan.lift.lift(self.engine.plan.kernel, &self.prepared, 0, &mut self.spectrum);
    }

    /// One forward transform.
    pub fn transform(&mut self) {
        self.engine.plan.transforms[0].fwd(&mut self.spectrum);
    }

    /// A tile's inputs copied together.
    pub fn load(&mut self) {
        self.tile.load(&self.spectra, self.engine.degree(), LANES);
    }

    /// One member's convolution of a tile.
    pub fn convolution(&mut self) {
        self.engine.convolve(0, 0, &mut self.tile);
    }

    /// One member's squares and hidden layer of a tile.
    pub fn squares_and_hidden_layer(&mut self) {
        self.engine.square_and_add_up(0, 0, &mut self.tile, |_| ());
    }

    /// A hidden unit's three parts taken back to the ciphertext primes and relinearised.
    pub fn take_back_and_relinearise(&self) {
        let engine = self.engine;
        let part = |_| {
            let mut values = engine.buffers.take(engine.plan.moduli.len() * engine.degree());
            for values in values.chunks_exact_mut(engine.degree()) {
                values.copy_from_slice(&self.spectra[..engine.degree()]);
            }
            values
        };
        drop(engine.relinearised(part, &engine.plan.members[0].hidden_biases[0]));
    }
}
