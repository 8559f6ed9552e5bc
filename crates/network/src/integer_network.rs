//! The integer network that is evaluated under encryption, and its exact forward pass.

use crate::architecture::{Architecture, ArchitectureError, BlockShape};
use crate::block::{Block, IntegerBlock};
use crate::checked_integer::CheckedInteger;
use crate::layer_bounds::{LayerBounds, RangeTooLarge};
use crate::pixel_levels::PixelLevels;

/// One member of an ensemble in integers: pixels in `0..=L`, integer weights and biases. Values are not rescaled
/// between layers.
///
/// Its forward pass ([`logits`](Self::logits)) is exact. It is the oracle that decrypted logits are compared with.
///
/// ```
/// use sottovoce_network::{Architecture, IntegerNetwork, Padding, PixelLevels};
///
/// // One pixel, one tap, one hidden unit: the logits are w (2 x)^4.
/// let shape = Architecture {
///     image_side: 1,
///     kernel: 1,
///     stride: 1,
///     padding: Padding { leading: 0, trailing: 0 },
///     maps: 1,
///     hidden: 1,
///     classes: 2,
/// };
/// let weight = |name: &str, row: usize, _column: usize| match name {
///     "convolution" => 2,
///     "hidden" => 1,
///     _ => row as i64,
/// };
/// let network = IntegerNetwork::from_fn(shape, PixelLevels::FOUR, weight, |_, _| 0)?;
/// assert_eq!(network.logits(&[3])?, [0, 1296]);
/// assert_eq!(network.bounds().logits, 1296);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerNetwork {
    architecture: Architecture,
    pixel_levels: PixelLevels,
    logit_scale: f64,
    convolution: IntegerBlock,
    hidden: IntegerBlock,
    output: IntegerBlock,
    bounds: LayerBounds,
    /// Weights of the hidden layer in 16 bits, if its values are small enough for [`narrow_dense`].
    narrow_hidden: Option<Vec<i16>>,
    /// Pixels that the convolution reads, position after position.
    window_taps: Vec<WindowTap>,
}

/// A tap of the window at `position` that lies on a pixel. `pixel` is below the architecture's `pixels()`, `tap` below
/// its `taps()`, and `position` below its `positions()`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct WindowTap {
    position: usize,
    tap: usize,
    pixel: usize,
}

/// Weights and sizes that make no network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The architecture is invalid.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// A block has another shape than the architecture needs.
    #[error(
        "the {block} block is {rows} x {columns}, but the architecture needs {needed_rows} x {needed_columns}"
    )]
    Shape {
        /// Name of the block.
        block: &'static str,
        /// Rows of the block.
        rows: usize,
        /// Columns of the block.
        columns: usize,
        /// Rows that the architecture needs.
        needed_rows: usize,
        /// Columns that the architecture needs.
        needed_columns: usize,
    },
    /// The logit scale is not a positive number.
    #[error("the logit scale is {0}, but must be a positive finite number")]
    LogitScale(f64),
    /// The number of votes is zero or negative.
    #[error("a member cannot have {0} votes, but needs at least 1")]
    Votes(i64),
    /// The values could become too large for exact arithmetic.
    #[error(transparent)]
    Range(#[from] RangeTooLarge),
}

/// An image that the network cannot evaluate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The image has another number of pixels than the network reads.
    #[error("the image has {found} pixels, but the network reads {needed}")]
    ImageSize {
        /// Pixels of the image.
        found: usize,
        /// Pixels that the network reads.
        needed: usize,
    },
    /// A pixel exceeds the largest level.
    #[error("pixel {index} is {found}, but the network's largest pixel is {largest}")]
    Pixel {
        /// Index of the pixel.
        index: usize,
        /// Value of the pixel.
        found: u8,
        /// Largest allowed value.
        largest: u8,
    },
    /// A sum or product overflowed. [`LayerBounds`] rules this out. It is checked nevertheless, because all other results
    /// are compared with these.
    #[error("integer overflow in the {layer}")]
    Overflow {
        /// Name of the layer.
        layer: &'static str,
    },
}

impl IntegerNetwork {
    /// Creates a network from its blocks. `logit_scale` is the real logit that one integer unit stands for.
    ///
    /// # Errors
    /// If the architecture is invalid, a block has the wrong shape, the logit scale is not a positive finite number, or
    /// values could exceed 127 bits.
    pub fn new(
        architecture: Architecture,
        pixel_levels: PixelLevels,
        logit_scale: f64,
        [convolution, hidden, output]: [IntegerBlock; 3],
    ) -> Result<Self, NetworkError> {
        architecture.validate()?;
        for (shape, block) in architecture.block_shapes().into_iter().zip([&convolution, &hidden, &output]) {
            let BlockShape { name, rows: needed_rows, columns: needed_columns } = shape;
            let (rows, columns) = (block.rows(), block.columns());
            if (rows, columns) != (needed_rows, needed_columns) {
                return Err(NetworkError::Shape { block: name, rows, columns, needed_rows, needed_columns });
            }
        }
        if !(logit_scale.is_finite() && logit_scale > 0.0) {
            return Err(NetworkError::LogitScale(logit_scale));
        }
        let bounds = LayerBounds::of(&architecture, pixel_levels, [&convolution, &hidden, &output])?;
        let narrow_hidden = bounds.hidden_layer_is_narrow().then(|| narrow(hidden.weights())).flatten();
        let window_taps = (0..architecture.positions())
            .flat_map(|position| {
                architecture.window(position).map(move |(tap, pixel)| WindowTap { position, tap, pixel })
            })
            .collect();
        Ok(Self {
            window_taps,
            narrow_hidden,
            architecture,
            pixel_levels,
            logit_scale,
            convolution,
            hidden,
            output,
            bounds,
        })
    }

    /// Creates a network with the weights `weight(block, row, column)`, the biases `bias(block, row)` and the logit
    /// scale 1. `block` is the block's name: `convolution`, `hidden` or `output`.
    ///
    /// # Errors
    /// If the architecture is invalid, or values could exceed 127 bits.
    pub fn from_fn(
        architecture: Architecture,
        pixel_levels: PixelLevels,
        weight: impl Fn(&str, usize, usize) -> i64,
        bias: impl Fn(&str, usize) -> i128,
    ) -> Result<Self, NetworkError> {
        architecture.validate()?;
        let blocks = architecture.block_shapes().map(|BlockShape { name, rows, columns }| {
            Block::from_fn(rows, columns, |row, column| weight(name, row, column), |row| bias(name, row))
        });
        Self::new(architecture, pixel_levels, 1.0, blocks)
    }

    /// Multiplies all logits by `votes`, so that the sum over members becomes a weighted one.
    ///
    /// The logit scale stays: it says on which scale members were trained, and members with different votes still make
    /// an ensemble. The member's own decisions do not change.
    ///
    /// # Errors
    /// If `votes` is not positive, values could exceed 127 bits, or an output weight exceeds 63 bits.
    pub fn with_votes(&self, votes: i64) -> Result<Self, NetworkError> {
        if votes <= 0 {
            return Err(NetworkError::Votes(votes));
        }
        let too_large = RangeTooLarge { layer: "output layer" };
        let product = |value: &i64| value.checked_mul(votes).ok_or(too_large);
        let wide_product = |value: &i128| value.checked_mul(votes.into()).ok_or(too_large);
        let weights = self.output.weights().iter().map(product).collect::<Result<_, _>>()?;
        let biases = self.output.biases().iter().map(wide_product).collect::<Result<_, _>>()?;
        // There are as many weights and biases as before, so the block is never `None`.
        let output = Block::new(self.output.columns(), weights, biases).ok_or(too_large)?;
        let blocks = [self.convolution.clone(), self.hidden.clone(), output];
        Self::new(self.architecture, self.pixel_levels, self.logit_scale, blocks)
    }

    /// Sizes of the layers.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Grey levels of the pixels that the network reads.
    #[must_use]
    pub fn pixel_levels(&self) -> PixelLevels {
        self.pixel_levels
    }

    /// Real logit that one integer unit stands for.
    #[must_use]
    pub fn logit_scale(&self) -> f64 {
        self.logit_scale
    }

    /// Convolution: `maps` rows of `kernel * kernel` taps.
    #[must_use]
    pub fn convolution(&self) -> &IntegerBlock {
        &self.convolution
    }

    /// First dense layer: `hidden` rows of `activations` weights.
    #[must_use]
    pub fn hidden(&self) -> &IntegerBlock {
        &self.hidden
    }

    /// Last dense layer: `classes` rows of `hidden` weights.
    #[must_use]
    pub fn output(&self) -> &IntegerBlock {
        &self.output
    }

    /// Names and weights of the three blocks, in the order of evaluation.
    #[must_use]
    pub fn blocks(&self) -> [(&'static str, &IntegerBlock); 3] {
        [("convolution", &self.convolution), ("hidden", &self.hidden), ("output", &self.output)]
    }

    /// Largest absolute values that any image can cause after each layer.
    #[must_use]
    pub fn bounds(&self) -> &LayerBounds {
        &self.bounds
    }

    /// Computes the exact logits of one image of `architecture().pixels()` quantised pixels.
    ///
    /// # Errors
    /// If the image has the wrong size or a pixel above the largest level.
    pub fn logits(&self, image: &[u8]) -> Result<Vec<i128>, ForwardError> {
        if image.len() != self.architecture.pixels() {
            return Err(ForwardError::ImageSize { found: image.len(), needed: self.architecture.pixels() });
        }
        let largest = self.pixel_levels.largest();
        if let Some((index, &found)) = image.iter().enumerate().find(|&(_, &pixel)| pixel > largest) {
            return Err(ForwardError::Pixel { index, found, largest });
        }
        // 64 bits are faster than 128 and give the same result, if the bounds allow them.
        if self.bounds.fit_i64() {
            self.forward::<i64>(image, self.narrow_hidden.as_deref())
        } else {
            self.forward::<i128>(image, None)
        }
    }

    fn forward<I: CheckedInteger>(
        &self,
        image: &[u8],
        narrow: Option<&[i16]>,
    ) -> Result<Vec<i128>, ForwardError> {
        let overflow = |layer| ForwardError::Overflow { layer };
        let convolution = self.convolve::<I>(image).ok_or(overflow("convolution"))?;
        let activations = squares(&convolution).ok_or(overflow("first square"))?;
        let hidden = match narrow {
            Some(weights) => narrow_dense(weights, &self.hidden, &activations),
            None => dense(&self.hidden, &activations),
        };
        let hidden = hidden.ok_or(overflow("hidden layer"))?;
        let activations = squares(&hidden).ok_or(overflow("second square"))?;
        let logits = dense(&self.output, &activations).ok_or(overflow("output layer"))?;
        Ok(logits.into_iter().map(Into::into).collect())
    }

    /// Computes the convolution's outputs, map by map, positions in row order.
    #[expect(
        clippy::indexing_slicing,
        reason = "`logits` checks the image's size, and a window tap's pixel, tap and position are within the architecture"
    )]
    fn convolve<I: CheckedInteger>(&self, image: &[u8]) -> Option<Vec<I>> {
        let positions = self.architecture.positions();
        let biases: Vec<I> =
            self.convolution.biases().iter().map(|&bias| I::from_i128(bias)).collect::<Option<_>>()?;
        let mut outputs =
            biases.iter().flat_map(|&bias| std::iter::repeat_n(bias, positions)).collect::<Vec<_>>();
        for &WindowTap { position, tap, pixel } in &self.window_taps {
            // Most pixels of an image are zero.
            if image[pixel] == 0 {
                continue;
            }
            let value = I::from(i64::from(image[pixel]));
            for (map, weights) in self.convolution.row_iter().enumerate() {
                let output = &mut outputs[map * positions + position];
                *output = output.add_product(I::from(weights[tap]), value)?;
            }
        }
        Some(outputs)
    }
}

fn squares<I: CheckedInteger>(values: &[I]) -> Option<Vec<I>> {
    let zero = I::from(0);
    values.iter().map(|&value| zero.add_product(value, value)).collect()
}

fn dense<I: CheckedInteger>(block: &IntegerBlock, inputs: &[I]) -> Option<Vec<I>> {
    block
        .row_iter()
        .zip(block.biases())
        .map(|(weights, &bias)| {
            weights
                .iter()
                .zip(inputs)
                .try_fold(I::from_i128(bias)?, |sum, (&weight, &x)| sum.add_product(I::from(weight), x))
        })
        .collect()
}

/// Converts numbers to 16 bits; `None` if one does not fit.
fn narrow<I: Copy + TryInto<i16>>(numbers: &[I]) -> Option<Vec<i16>> {
    numbers.iter().map(|&number| number.try_into().ok()).collect()
}

/// Computes the same as [`dense`] with activations of 16 bits and sums of 32. The network's [`LayerBounds`] must prove
/// that both fit.
///
/// Nine tenths of an image's multiplications are in the hidden layer, and any x86-64 processor does eight of these at a
/// time.
fn narrow_dense<I: CheckedInteger>(weights: &[i16], block: &IntegerBlock, inputs: &[I]) -> Option<Vec<I>> {
    let inputs = narrow(&inputs.iter().map(|&input| input.into()).collect::<Vec<i128>>())?;
    let rows = weights.chunks_exact(block.columns()).zip(block.biases());
    rows.map(|(weights, &bias)| {
        let products = weights.iter().zip(&inputs).map(|(&weight, &x)| i32::from(weight) * i32::from(x));
        I::from_i128(bias)?.add_product(I::from(i64::from(products.sum::<i32>())), I::from(1))
    })
    .collect()
}

#[cfg(test)]
mod tests;
