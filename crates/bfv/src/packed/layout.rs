//! The slots of weights, biases and activations.

use sottovoce_network::{Architecture, IntegerBlock, IntegerNetwork};

use super::diagonals::Diagonals;
use super::error::PackedLayoutError;
use super::input::PackedInput;
use crate::parameters::packed_chain::{PackedLevels, Rotation};

/// The slots of a network's values in packed evaluation.
///
/// | values | slots |
/// | --- | --- |
/// | pixels | [`PackedInput`] |
/// | activations of map m | blocks m, m + G, m + 2G, ... of B slots; G is the least power of two that holds all maps, `V = G B` the period |
/// | hidden unit o | row `o / D`, every column that is `o mod D` modulo D; D is the least power of two that holds half of the units |
/// | shares of class c's logit | columns `c D` to `c D + D - 1` of both rows |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedLayout {
    architecture: Architecture,
    input: PackedInput,
    degree: usize,
}

impl PackedLayout {
    /// The layout of an architecture's values in `degree` slots.
    ///
    /// # Errors
    /// If the windows, the maps or the logits need more slots.
    pub fn new(architecture: &Architecture, degree: usize) -> Result<Self, PackedLayoutError> {
        let distance = architecture.hidden.div_ceil(2).next_power_of_two();
        let layout =
            Self { architecture: *architecture, input: PackedInput::of(architecture, distance), degree };
        let (row, windows) = (layout.row(), layout.input.block() * layout.input.blocks());
        let checks = [
            ("slots for the windows of an image", windows, degree),
            ("columns for the maps", layout.period(), row),
            ("columns for the hidden units", distance, layout.period()),
            ("columns for the logits", architecture.classes.next_power_of_two() * distance, row),
        ];
        match checks.into_iter().find(|(_, needed, available)| needed > available) {
            Some((what, needed, available)) => Err(PackedLayoutError { what, needed, available, degree }),
            None => Ok(layout),
        }
    }

    /// The client's part of the layout.
    #[must_use]
    pub fn input(&self) -> &PackedInput {
        &self.input
    }

    /// The number of slots.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Columns of a row of slots.
    #[must_use]
    pub fn row(&self) -> usize {
        self.degree / 2
    }

    /// The period V of the activations in columns.
    fn period(&self) -> usize {
        self.input.block() * self.architecture.maps.next_power_of_two()
    }

    /// The period of the input's blocks in one row, in blocks.
    fn row_blocks(&self) -> usize {
        self.input.blocks().min(self.row() / self.input.block())
    }

    /// Returns whether both rows hold different blocks of the input.
    fn has_split_input(&self) -> bool {
        self.input.blocks() * self.input.block() > self.row()
    }

    /// The convolution's diagonals, of whole blocks.
    #[must_use]
    pub fn convolution(&self) -> Diagonals {
        let count = self.architecture.maps.next_power_of_two().min(self.row_blocks());
        Diagonals::new(self.input.block(), count)
    }

    /// The rotations that are added up after the convolution's diagonals: columns, or 0 for the swap of the rows.
    pub fn convolution_folds(&self) -> impl Iterator<Item = usize> {
        let Diagonals { unit, count, .. } = self.convolution();
        powers(unit * count, unit * self.row_blocks()).chain(self.has_split_input().then_some(0))
    }

    /// The hidden layer's diagonals.
    #[must_use]
    pub fn hidden(&self) -> Diagonals {
        Diagonals::new(1, self.input.logit_distance)
    }

    /// The rotations that are added up after the hidden layer's diagonals.
    pub fn hidden_folds(&self) -> impl Iterator<Item = usize> {
        powers(self.input.logit_distance, self.period())
    }

    /// The weights of the convolution's diagonal with the number `diagonal` in all slots.
    #[must_use]
    pub fn convolution_weights(&self, network: &IntegerNetwork, diagonal: usize) -> Vec<i128> {
        let (block, row_blocks) = (self.input.block(), self.row_blocks());
        let maps = self.architecture.maps.next_power_of_two();
        self.slots(|row, column| {
            let map = column / block % maps;
            let first = if self.has_split_input() { row * row_blocks } else { 0 };
            let offset = first + (column / block + diagonal) % row_blocks;
            weight(network.convolution(), map, offset)
        })
    }

    /// The biases of the convolution in all slots.
    #[must_use]
    pub fn convolution_biases(&self, network: &IntegerNetwork) -> Vec<i128> {
        let (block, maps) = (self.input.block(), self.architecture.maps.next_power_of_two());
        self.slots(|_, column| bias(network.convolution(), column / block % maps))
    }

    /// The weights of the hidden layer's diagonal with the number `diagonal` in all slots.
    #[must_use]
    pub fn hidden_weights(&self, network: &IntegerNetwork, diagonal: usize) -> Vec<i128> {
        let (block, positions) = (self.input.block(), self.architecture.positions());
        self.slots(|row, column| {
            let place = (column + diagonal) % self.period();
            let (map, position) = (place / block, place % block);
            if map >= self.architecture.maps || position >= positions {
                return 0;
            }
            weight(network.hidden(), self.unit(row, column), map * positions + position)
        })
    }

    /// The biases of the hidden units in all slots.
    #[must_use]
    pub fn hidden_biases(&self, network: &IntegerNetwork) -> Vec<i128> {
        self.slots(|row, column| bias(network.hidden(), self.unit(row, column)))
    }

    /// The output weights in all slots: the products with the squared hidden units are the shares of the logits. They are repeated in as many columns as possible, because the polynomial of periodic slots has fewer
    /// coefficients and makes less noise.
    #[must_use]
    pub fn output_weights(&self, network: &IntegerNetwork) -> Vec<i128> {
        let classes = self.architecture.classes.next_power_of_two();
        self.slots(|row, column| {
            let class = column / self.input.logit_distance % classes;
            weight(network.output(), class, self.unit(row, column))
        })
    }

    /// The biases of the logits in all slots, each in one share.
    #[must_use]
    pub fn output_biases(&self, network: &IntegerNetwork) -> Vec<i128> {
        self.slots(|row, column| {
            let (class, first) =
                (column / self.input.logit_distance, column % self.input.logit_distance == 0);
            if row == 0 && first { bias(network.output(), class) } else { 0 }
        })
    }

    /// The rotations of an evaluation whose uploads have `upload` primes, with the ciphertext primes of their keys.
    #[must_use]
    pub fn rotations(&self, upload: usize, kept: PackedLevels) -> Vec<Rotation> {
        let with = |primes| move |steps| Rotation { steps, primes };
        let convolution = self.convolution().rotations().chain(self.convolution_folds()).map(with(upload));
        let hidden = self.hidden().rotations().chain(self.hidden_folds()).map(with(kept.square));
        Rotation::merged(convolution.chain(hidden).collect())
    }

    /// The hidden unit of a slot, which may be one that does not exist.
    fn unit(&self, row: usize, column: usize) -> usize {
        row * self.input.logit_distance + column % self.input.logit_distance
    }

    /// The values of all slots by row and column.
    fn slots(&self, value: impl Fn(usize, usize) -> i128) -> Vec<i128> {
        (0..2)
            .flat_map(|row| (0..self.row()).map(move |column| (row, column)))
            .map(|(row, column)| value(row, column))
            .collect()
    }
}

/// The powers of two times `first` below `end`.
fn powers(first: usize, end: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(first), |step| Some(2 * step)).take_while(move |&step| step < end)
}

/// A weight, or 0 where the block has none.
fn weight(block: &IntegerBlock, row: usize, column: usize) -> i128 {
    if row >= block.rows() || column >= block.columns() {
        return 0;
    }
    block.weights().get(row * block.columns() + column).map_or(0, |&weight| weight.into())
}

/// A bias, or 0 where the block has none.
fn bias(block: &IntegerBlock, row: usize) -> i128 {
    block.biases().get(row).copied().unwrap_or(0)
}
