//! A linear map, a square and a linear map at the evaluation points, one prime at a time.
//!
//! The points of a prime are cut into tiles of [`LANES`] points. The inputs of a tile (200 kB for the paper's images) are copied
//! together once, for all members. A member's activations are computed in bands, so that their squares stay in the first-level
//! cache while they are added to the sums of all outputs.

#![expect(
    clippy::indexing_slicing,
    reason = "buffers are made for all members, outputs, parts and points of the block"
)]

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aligned_vec::{AVec, avec};
use rayon::prelude::*;

use super::buffer_pool::{BufferPool, PooledBuffer};
use super::clock::TileClock;
use super::compiled::{CompiledBlock, MemberWeights};
use super::kernels::dispatch;
use super::kernels::input_map::InputSums;
use super::kernels::modular::Modulus;
use super::kernels::square_map::SquareSums;
use super::kernels::tiles::{InputTile, LANES, PARTS, SquareTile};
use crate::compact::layout::LimbLayout;
use crate::error::BfvError;
use crate::kernel::Kernel;
use crate::progress::ProgressObserver;

/// The number of tiles that are evaluated together. Their inputs (800 kB for the paper's images) and their results stay in the
/// second-level cache, and every compact limb is read for several cache lines at a time.
pub const GROUP: usize = 4;

/// The inputs of a block.
pub enum BlockInputs<'a> {
    /// A batch's pixels, which all members share: both polynomials of each, in compact form.
    Pixels { layout: LimbLayout, pixels: Vec<[Cow<'a, [u8]>; 2]> },
    /// Every member's own inputs, member after member: both polynomials of each, prime after prime.
    Members { units: Vec<[PooledBuffer<'a>; 2]>, per_member: usize, degree: usize },
}

impl BlockInputs<'_> {
    /// Copies a member's inputs at consecutive tiles of a prime, tile after tile. `first` is the first point.
    pub fn load(&self, prime: usize, first: usize, member: usize, tiles: &mut [InputTile]) {
        let inputs = match self {
            Self::Pixels { pixels, .. } => pixels.len(),
            Self::Members { per_member, .. } => *per_member,
        };
        let (points, stride) = (tiles.len() / inputs * LANES, inputs * 2 * LANES);
        let tiles: &mut [u64] = bytemuck::cast_slice_mut(tiles.as_flattened_mut());
        for input in 0..inputs {
            for part in 0..2 {
                let tiles = &mut tiles[(2 * input + part) * LANES..];
                match self {
                    Self::Pixels { layout, pixels } => {
                        let limb = layout.limb(&pixels[input][part], prime);
                        layout.packing(prime).unpack_runs(limb, first, LANES, tiles, stride);
                    }
                    Self::Members { units, degree, .. } => {
                        let first = prime * degree + first;
                        let values = &units[member * inputs + input][part][first..first + points];
                        for (tile, values) in tiles.chunks_mut(stride).zip(values.chunks_exact(LANES)) {
                            tile[..LANES].copy_from_slice(values);
                        }
                    }
                }
            }
        }
    }
}

/// A block's sums of squares, without the factor `square_factors`: for every prime, for every group of tiles, for every member,
/// output and part, the residues at the points of the group.
pub struct BlockSums<'a> {
    by_prime: Vec<PooledBuffer<'a>>,
    outputs: usize,
    /// Members, outputs and parts.
    rows: usize,
    /// Values of a row in one group.
    width: usize,
}

impl BlockSums<'_> {
    /// The parts of one output of a member, each prime after prime.
    pub fn parts<'b>(&self, member: usize, output: usize, pool: &'b BufferPool) -> [PooledBuffer<'b>; PARTS] {
        let group = self.rows * self.width;
        [0, 1, 2].map(|part| {
            let start = ((member * self.outputs + output) * PARTS + part) * self.width;
            let length = self.by_prime.iter().map(|points| points.len() / self.rows).sum();
            let mut values = pool.take(length);
            let groups = self.by_prime.iter().flat_map(|points| points.chunks_exact(group));
            for (values, group) in values.chunks_exact_mut(self.width).zip(groups) {
                values.copy_from_slice(&group[start..start + self.width]);
            }
            values
        })
    }
}

/// Memory for the tiles of a group, for one thread.
pub struct TileBuffers {
    /// The inputs of GROUP tiles, tile after tile.
    pub inputs: AVec<InputTile>,
    activations: AVec<InputTile>,
    squares: AVec<SquareTile>,
    input_sums: InputSums,
    square_sums: SquareSums,
}

/// The evaluation of one block: everything but its inputs.
pub struct BlockEvaluation<'a> {
    pub block: &'a CompiledBlock,
    pub kernel: Kernel,
    pub moduli: &'a [Modulus],
    pub degree: usize,
    pub clock: &'a TileClock,
    pub observer: &'a dyn ProgressObserver,
}

impl BlockEvaluation<'_> {
    /// Evaluates all members at all points of the block's primes.
    ///
    /// # Errors
    /// If `observer` cancels the evaluation.
    pub fn evaluate<'b>(
        &self,
        inputs: &BlockInputs<'_>,
        pool: &'b BufferPool,
    ) -> Result<BlockSums<'b>, BfvError> {
        let members = self.block.members.len();
        let rows = members * self.block.outputs * PARTS;
        let width = (GROUP * LANES).min(self.degree);
        let skipped = AtomicBool::new(false);
        let mut by_prime: Vec<PooledBuffer<'b>> =
            (0..self.block.primes).map(|_| pool.take(rows * self.degree)).collect();
        let groups = by_prime.par_iter_mut().enumerate().flat_map(|(prime, points)| {
            points
                .par_chunks_exact_mut(rows * width)
                .enumerate()
                .map(move |(group, output)| (prime, group, output))
        });
        groups.for_each_init(
            || self.new_tile_buffers(),
            |tile, (prime, group, output)| {
                if self.observer.is_cancelled() {
                    skipped.store(true, Ordering::Relaxed);
                    return;
                }
                self.evaluate_group(inputs, prime, group * width, width, tile, output);
                self.observer.advance((width / LANES) as u64);
            },
        );
        if skipped.into_inner() {
            return Err(BfvError::Cancelled);
        }
        Ok(BlockSums { by_prime, outputs: self.block.outputs, rows, width })
    }

    /// Memory for one thread.
    pub fn new_tile_buffers(&self) -> TileBuffers {
        let band = self.block.bands.iter().map(Vec::len).max().unwrap_or(0);
        TileBuffers {
            inputs: avec![[0; 2 * LANES]; GROUP * self.block.inputs],
            activations: avec![[0; 2 * LANES]; band],
            squares: avec![[0; PARTS * LANES]; band],
            input_sums: avec![],
            square_sums: SquareSums::default(),
        }
    }

    /// Evaluates all members at a group's `width` points, from `first` on.
    fn evaluate_group(
        &self,
        inputs: &BlockInputs<'_>,
        prime: usize,
        first: usize,
        width: usize,
        tile: &mut TileBuffers,
        output: &mut [u64],
    ) {
        let mut lap = Instant::now();
        let rows = self.block.outputs * PARTS * width;
        let tiles = width / LANES;
        for (number, (member, output)) in
            self.block.members.iter().zip(output.chunks_exact_mut(rows)).enumerate()
        {
            if number == 0 || !self.block.shared_inputs {
                inputs.load(prime, first, number, &mut tile.inputs[..tiles * self.block.inputs]);
            }
            for index in 0..tiles {
                let output = &mut output[index * LANES..];
                self.evaluate_member(prime, (number, member), index, tile, output, width, &mut lap);
            }
        }
    }

    /// Evaluates one member at the group's tile with the number `index`, and writes the sums to the beginning of every `width` numbers
    /// of `output`.
    #[allow(clippy::too_many_arguments)]
    pub fn evaluate_member(
        &self,
        prime: usize,
        (number, member): (usize, &MemberWeights),
        index: usize,
        tile: &mut TileBuffers,
        output: &mut [u64],
        width: usize,
        lap: &mut Instant,
    ) {
        let (kernel, modulus) = (self.kernel, self.moduli[prime]);
        let inputs = &tile.inputs[index * self.block.inputs..(index + 1) * self.block.inputs];
        member.after.begin(&mut tile.square_sums);
        for (index, band) in self.block.bands.iter().enumerate() {
            let activations = &mut tile.activations[..band.len()];
            match &member.before {
                Some(map) => {
                    // A bias is a constant in the first polynomial.
                    dispatch::begin_with_biases(kernel, &member.biases[index][prime], activations);
                    map.add(kernel, index, inputs, modulus, &mut tile.input_sums, activations);
                }
                None => {
                    for (activation, &input) in activations.iter_mut().zip(band) {
                        *activation = inputs[input];
                    }
                }
            }
            *lap = self.clock.lap(*lap, number, 0);
            let squares = &mut tile.squares[..band.len()];
            dispatch::square(kernel, activations, modulus, squares);
            *lap = self.clock.lap(*lap, number, 1);
            member.after.add(kernel, index, squares, modulus, &mut tile.square_sums);
            *lap = self.clock.lap(*lap, number, 2);
        }
        member.after.finish(kernel, modulus, &mut tile.square_sums, output, width);
        *lap = self.clock.lap(*lap, number, 2);
    }
}
