//! Convolution, square and hidden layer at the evaluation points, one prime at a time.
//!
//! The points of a prime are cut into tiles of [`LANES`]: for each, the inputs of a tile (200 kB for the paper's
//! network) are copied together once and serve all members; a member's activations and their products stay in the
//! second-level cache.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use super::buffers::Buffer;
use super::channel::ChannelEngine;
use super::clock::{StageClock, TileClock};
use super::kernels::{LANES, Scratch};
use super::rns::Prepared;
use super::square_parts;
use crate::{BfvError, Layer, Watch};

/// Tiles whose results lie together, so that a unit's values are read back in pieces of half a page and not of two
/// cache lines.
const GROUP: usize = 16;

/// The hidden layer's values before scaling: for every prime, for every group of tiles, for every member, part and
/// unit the values of the group.
pub struct Points<'a> {
    by_prime: Vec<Buffer<'a>>,
    /// Members, parts and units.
    rows: usize,
    /// Values of a row in one group.
    width: usize,
    hidden: usize,
}

impl Points<'_> {
    /// The values of one part of one unit: prime after prime, in the order of the evaluation points.
    pub fn pieces(&self, member: usize, part: usize, unit: usize) -> impl Iterator<Item = &[u64]> {
        let start = ((member * 3 + part) * self.hidden + unit) * self.width;
        let group = self.rows * self.width;
        let groups = self.by_prime.iter().flat_map(move |points| points.chunks_exact(group));
        groups.map(move |group| &group[start..start + self.width])
    }
}

/// Space for one tile.
#[derive(Clone)]
pub struct Tile {
    /// Inputs, first the pixels' first polynomials, then their second ones.
    inputs: [Vec<u64>; 2],
    activations: [Vec<i64>; 2],
    /// Products of a span of activations, with rows of zeros up to a multiple of four.
    products: Vec<u64>,
    dense: Vec<Scratch>,
    /// LANES values of every member, part and unit.
    outputs: Vec<u64>,
}

impl Tile {
    /// Copies LANES values of every row of `spectra` together, from `first` on.
    pub fn load(&mut self, spectra: &[u64], degree: usize, first: usize) {
        for (row, spectrum) in spectra.chunks_exact(degree).enumerate() {
            let (pixel, part) = (row / 2, row % 2);
            let lanes = &spectrum[first..first + LANES];
            self.inputs[part][pixel * LANES..(pixel + 1) * LANES].copy_from_slice(lanes);
        }
    }
}

impl ChannelEngine {
    pub(super) fn first_block(
        &self,
        inputs: &[Prepared<'_>],
        watch: &dyn Watch,
        clock: &mut StageClock,
    ) -> Result<Points<'_>, BfvError> {
        let (degree, hidden) = (self.degree(), self.shape.hidden);
        let members = self.plan.members.len();
        let (rows, width) = (members * 3 * hidden, (GROUP * LANES).min(degree));
        let mut spectra = self.buffers.take(inputs.len() * degree);
        let mut by_prime = Vec::new();
        let skipped = AtomicBool::new(false);
        for prime in 0..self.plan.moduli.len() {
            spectra.par_chunks_exact_mut(degree).zip(inputs).for_each(|(spectrum, input)| {
                self.plan.lift.lift(self.plan.kernel, input, prime, spectrum);
                self.plan.transforms[prime].fwd(spectrum);
            });
            clock.shared(Layer::Convolution1);
            let tile_clock = TileClock::new(members);
            let mut points = self.buffers.take(rows * degree);
            points.par_chunks_exact_mut(rows * width).enumerate().for_each_init(
                || self.new_tile(),
                |tile, (group, output)| {
                    for index in 0..width / LANES {
                        if watch.cancelled() {
                            skipped.store(true, Ordering::Relaxed);
                        } else {
                            let first = group * width + index * LANES;
                            self.evaluate_tile(prime, first, &spectra, tile, &tile_clock);
                            for (output, values) in
                                output.chunks_exact_mut(width).zip(tile.outputs.chunks_exact(LANES))
                            {
                                output[index * LANES..(index + 1) * LANES].copy_from_slice(values);
                            }
                            watch.advance(1);
                        }
                    }
                },
            );
            if skipped.load(Ordering::Relaxed) {
                return Err(BfvError::Cancelled);
            }
            clock.tiles(&tile_clock);
            by_prime.push(points);
        }
        Ok(Points { by_prime, rows, width, hidden })
    }

    pub(super) fn new_tile(&self) -> Tile {
        let (pixels, activations) = (self.shape.pixels(), self.shape.activations());
        let members = &self.plan.members;
        let span = members.iter().map(|member| member.hidden.span()).max().unwrap_or(0).min(activations);
        Tile {
            inputs: [vec![0; pixels * LANES], vec![0; pixels * LANES]],
            activations: [vec![0; activations * LANES], vec![0; activations * LANES]],
            products: vec![0; span.next_multiple_of(4) * LANES],
            outputs: vec![0; members.len() * 3 * self.shape.hidden * LANES],
            dense: members.iter().map(|member| member.hidden.scratch(self.shape.hidden)).collect(),
        }
    }

    /// All members at LANES evaluation points of one prime, from `first` on.
    fn evaluate_tile(&self, prime: usize, first: usize, spectra: &[u64], tile: &mut Tile, clock: &TileClock) {
        let mut lap = Instant::now();
        tile.load(spectra, self.degree(), first);
        for number in 0..self.plan.members.len() {
            self.convolve(prime, number, tile);
            lap = clock.lap(lap, number, 0);
            self.square_and_add_up(prime, number, tile, |layer| lap = clock.lap(lap, number, layer));
        }
    }

    /// The sums of a member's convolution, both polynomials.
    pub(super) fn convolve(&self, prime: usize, number: usize, tile: &mut Tile) {
        let (kernel, modulus, member) =
            (self.plan.kernel, self.plan.moduli[prime], &self.plan.members[number]);
        let [first, second] = &mut tile.activations;
        // A bias is a constant in the first polynomial alone.
        let biases = &member.convolution_biases[prime];
        for (sums, &bias) in first.chunks_exact_mut(self.shape.positions() * LANES).zip(biases) {
            sums.fill(bias as i64);
        }
        second.fill(0);
        for (input, sums) in tile.inputs.iter().zip(&mut tile.activations) {
            member.convolution.add(kernel, input, modulus, sums);
            if member.convolution_is_large {
                kernel.reduce_in_place(sums, modulus);
            }
        }
    }

    /// The three parts of a member's squares and their hidden layer, a span of columns at a time: products are added up
    /// while they are in the first-level cache. `lap` is told when work for the squares (1) and for the layer (2) ends.
    pub(super) fn square_and_add_up(
        &self,
        prime: usize,
        number: usize,
        tile: &mut Tile,
        mut lap: impl FnMut(usize),
    ) {
        let (kernel, modulus) = (self.plan.kernel, self.plan.moduli[prime]);
        let weights = &self.plan.members[number].hidden;
        let Tile { activations: [first, second], products, dense, outputs, .. } = tile;
        let size = self.shape.hidden * LANES;
        let outputs = outputs[number * 3 * size..].chunks_exact_mut(size);
        for ((a, b, factor), output) in square_parts([first, second]).into_iter().zip(outputs) {
            let scratch = &mut dense[number];
            scratch.clear();
            let width = weights.span() * LANES;
            for (span, (a, b)) in a.chunks(width).zip(b.chunks(width)).enumerate() {
                kernel.products(a, b, factor, modulus, &mut products[..a.len()]);
                lap(1);
                weights.add(kernel, span, products, modulus, scratch);
                lap(2);
            }
            weights.finish(kernel, modulus, scratch, output);
            lap(2);
        }
    }
}
