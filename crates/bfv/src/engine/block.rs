//! A linear map, a square and a linear map at the evaluation points, one prime at a time.
//!
//! The points of a prime are cut into tiles of [`LANES`]: for each, the inputs of a tile (200 kB for the paper's images) are
//! copied together once and serve all members. A member's activations are made in bands, whose squares stay in the
//! first-level cache while every output's sum goes over them.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use aligned_vec::{AVec, avec};
use rayon::prelude::*;

use super::buffers::{Buffer, Buffers};
use super::clock::TileClock;
use super::kernels::{Input, InputSums, LANES, Modulus, PARTS, Square, SquareSums};
use super::plan::{BlockPlan, MemberBlock};
use crate::BfvError;
use crate::kernel::Kernel;
use crate::packed::RowLayout;
use crate::progress::ProgressObserver;

/// Tiles that are worked on together: their inputs (800 kB for the paper's images) and their results stay in the second-level
/// cache, every packed row is read for several cache lines at a time, and an output's values lie together in eight.
pub const GROUP: usize = 4;

/// Inputs of a block.
pub enum Inputs<'a> {
    /// A batch's pixels, which all members share: both polynomials of each, packed.
    Pixels { layout: RowLayout, pixels: Vec<[Cow<'a, [u8]>; 2]> },
    /// Every member's own inputs, member after member: both polynomials of each, prime after prime.
    Members { units: Vec<[Buffer<'a>; 2]>, per_member: usize, degree: usize },
}

impl Inputs<'_> {
    /// Copies a member's inputs at some tiles of a prime, of which the first point is `first`: tile after tile.
    pub fn load(&self, prime: usize, first: usize, member: usize, tiles: &mut [Input]) {
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
                        let row = layout.row(&pixels[input][part], prime);
                        layout.packing(prime).unpack_runs(row, first, LANES, tiles, stride);
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

/// A block's sums of squares: for every prime, for every group of tiles, for every member, output and part the residues at
/// the points of the group.
pub struct Points<'a> {
    by_prime: Vec<Buffer<'a>>,
    outputs: usize,
    /// Members, outputs and parts.
    rows: usize,
    /// Values of a row in one group.
    width: usize,
}

impl Points<'_> {
    /// The parts of one output of a member: prime after prime.
    pub fn parts<'b>(&self, member: usize, output: usize, buffers: &'b Buffers) -> [Buffer<'b>; PARTS] {
        let group = self.rows * self.width;
        [0, 1, 2].map(|part| {
            let start = ((member * self.outputs + output) * PARTS + part) * self.width;
            let length = self.by_prime.iter().map(|points| points.len() / self.rows).sum();
            let mut values = buffers.take(length);
            let groups = self.by_prime.iter().flat_map(|points| points.chunks_exact(group));
            for (values, group) in values.chunks_exact_mut(self.width).zip(groups) {
                values.copy_from_slice(&group[start..start + self.width]);
            }
            values
        })
    }
}

/// Space for the tiles of a group.
pub struct Tile {
    /// Of GROUP tiles, one behind the other.
    pub inputs: AVec<Input>,
    activations: AVec<Input>,
    squares: AVec<Square>,
    input_sums: InputSums,
    square_sums: SquareSums,
}

/// Evaluation of one block: everything but its inputs.
pub struct BlockEvaluation<'a> {
    pub block: &'a BlockPlan,
    pub kernel: Kernel,
    pub moduli: &'a [Modulus],
    pub degree: usize,
    pub clock: &'a TileClock,
    pub observer: &'a dyn ProgressObserver,
}

impl BlockEvaluation<'_> {
    /// Evaluates all members at all points of the block's primes.
    pub fn evaluate<'b>(&self, inputs: &Inputs<'_>, buffers: &'b Buffers) -> Result<Points<'b>, BfvError> {
        let members = self.block.members.len();
        let rows = members * self.block.outputs * PARTS;
        let width = (GROUP * LANES).min(self.degree);
        let skipped = AtomicBool::new(false);
        let mut by_prime: Vec<Buffer<'b>> =
            (0..self.block.primes).map(|_| buffers.take(rows * self.degree)).collect();
        let groups = by_prime.par_iter_mut().enumerate().flat_map(|(prime, points)| {
            points
                .par_chunks_exact_mut(rows * width)
                .enumerate()
                .map(move |(group, output)| (prime, group, output))
        });
        groups.for_each_init(
            || self.new_tile(),
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
        Ok(Points { by_prime, outputs: self.block.outputs, rows, width })
    }

    pub fn new_tile(&self) -> Tile {
        let band = self.block.bands.iter().map(Vec::len).max().unwrap_or(0);
        Tile {
            inputs: avec![[0; 2 * LANES]; GROUP * self.block.inputs],
            activations: avec![[0; 2 * LANES]; band],
            squares: avec![[0; PARTS * LANES]; band],
            input_sums: avec![],
            square_sums: SquareSums::default(),
        }
    }

    /// All members at a group's `width` points, from `first` on.
    fn evaluate_group(
        &self,
        inputs: &Inputs<'_>,
        prime: usize,
        first: usize,
        width: usize,
        tile: &mut Tile,
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

    /// One member at one of the group's tiles: its sums to the beginning of every `width` numbers of `output`.
    #[allow(clippy::too_many_arguments)]
    pub fn evaluate_member(
        &self,
        prime: usize,
        (number, member): (usize, &MemberBlock),
        index: usize,
        tile: &mut Tile,
        output: &mut [u64],
        width: usize,
        lap: &mut Instant,
    ) {
        let (kernel, modulus) = (self.kernel, self.moduli[prime]);
        let inputs = &tile.inputs[index * self.block.inputs..(index + 1) * self.block.inputs];
        member.behind.begin(&mut tile.square_sums);
        for (index, band) in self.block.bands.iter().enumerate() {
            let activations = &mut tile.activations[..band.len()];
            match &member.before {
                Some(map) => {
                    // A bias is a constant in the first polynomial.
                    kernel.begin(&member.biases[index][prime], activations);
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
            kernel.square(activations, modulus, squares);
            *lap = self.clock.lap(*lap, number, 1);
            member.behind.add(kernel, index, squares, modulus, &mut tile.square_sums);
            *lap = self.clock.lap(*lap, number, 2);
        }
        member.behind.finish(kernel, modulus, &mut tile.square_sums, output, width);
        *lap = self.clock.lap(*lap, number, 2);
    }
}
