//! The network that encryption evaluates, and the oracle that its answers are held against.

use crate::{Architecture, ArchitectureError, Block, Bounds, PixelLevels, RangeTooLarge};

/// Weights and biases of one layer in integers. Biases are wider because they live at the scale of the
/// layer's output, which for imported weights reaches 80 bits.
pub type IntegerBlock = Block<i64, i128>;

/// One member in integers: pixels in `0..=L`, integer weights and biases, nothing rescaled in between.
#[derive(Debug, Clone, PartialEq)]
pub struct IntegerNetwork {
    architecture: Architecture,
    pixel_levels: PixelLevels,
    logit_scale: f64,
    convolution: IntegerBlock,
    hidden: IntegerBlock,
    output: IntegerBlock,
    bounds: Bounds,
    /// The hidden layer's weights, where its values are small enough for [`narrow_dense`].
    narrow_hidden: Option<Vec<i16>>,
    /// What the convolution reads, position after position.
    readings: Vec<Reading>,
}

/// A tap of a window on a pixel.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Reading {
    position: usize,
    tap: usize,
    pixel: usize,
}

/// Parts that make no network.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// The architecture is impossible.
    #[error(transparent)]
    Architecture(#[from] ArchitectureError),
    /// A block has another shape than the architecture wants.
    #[error(
        "the {block} block is {rows} x {columns}, but the architecture needs {needed_rows} x {needed_columns}"
    )]
    Shape {
        /// Which block.
        block: &'static str,
        /// Its rows.
        rows: usize,
        /// Its columns.
        columns: usize,
        /// Rows wanted.
        needed_rows: usize,
        /// Columns wanted.
        needed_columns: usize,
    },
    /// The logit scale is not a positive number.
    #[error("the logit scale is {0}, but must be a positive finite number")]
    LogitScale(f64),
    /// A member with no votes, or a negative number of them.
    #[error("a member cannot have {0} votes, but 1 or more")]
    Vote(i64),
    /// The values could become too large for exact arithmetic.
    #[error(transparent)]
    Range(#[from] RangeTooLarge),
}

/// An image that the network cannot read, or a value that left the integers' range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ForwardError {
    /// The image has another size than the network's.
    #[error("the image has {found} pixels, but the network reads {needed}")]
    ImageSize {
        /// Pixels given.
        found: usize,
        /// Pixels wanted.
        needed: usize,
    },
    /// A pixel exceeds the largest level.
    #[error("pixel {index} is {found}, but the network's largest pixel is {largest}")]
    Pixel {
        /// Which pixel.
        index: usize,
        /// Its value.
        found: u8,
        /// The largest allowed value.
        largest: u8,
    },
    /// A sum or product did not fit. [`Bounds`] rules this out; it is checked all the same, because the
    /// oracle is what everything else is held against.
    #[error("integer overflow in the {layer}")]
    Overflow {
        /// Where.
        layer: &'static str,
    },
}

impl IntegerNetwork {
    /// Puts a network together. `logit_scale` is the real logit that one integer unit stands for.
    ///
    /// # Errors
    /// If the architecture is impossible, a block has the wrong shape, the logit scale is not a positive
    /// number, or values could exceed 127 bits.
    pub fn new(
        architecture: Architecture,
        pixel_levels: PixelLevels,
        logit_scale: f64,
        [convolution, hidden, output]: [IntegerBlock; 3],
    ) -> Result<Self, NetworkError> {
        architecture.validate()?;
        for (name, block, [rows, columns]) in Self::shapes(&architecture)
            .into_iter()
            .zip([&convolution, &hidden, &output])
            .map(|((n, s), b)| (n, b, s))
        {
            if block.rows() != rows || block.columns() != columns {
                return Err(NetworkError::Shape {
                    block: name,
                    rows: block.rows(),
                    columns: block.columns(),
                    needed_rows: rows,
                    needed_columns: columns,
                });
            }
        }
        if !(logit_scale.is_finite() && logit_scale > 0.0) {
            return Err(NetworkError::LogitScale(logit_scale));
        }
        let bounds = Bounds::of(&architecture, pixel_levels, [&convolution, &hidden, &output])?;
        let narrow_hidden = bounds.hidden_layer_is_narrow().then(|| narrow(hidden.weights())).flatten();
        let readings = (0..architecture.positions())
            .flat_map(|position| {
                architecture.window(position).map(move |(tap, pixel)| Reading { position, tap, pixel })
            })
            .collect();
        Ok(Self {
            readings,
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

    /// Names of the three blocks and their `[rows, columns]`.
    #[must_use]
    pub fn shapes(architecture: &Architecture) -> [(&'static str, [usize; 2]); 3] {
        [
            ("convolution", [architecture.maps, architecture.taps()]),
            ("hidden", [architecture.hidden, architecture.activations()]),
            ("output", [architecture.classes, architecture.hidden]),
        ]
    }

    /// The shapes.
    #[must_use]
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// How pixels are quantised.
    #[must_use]
    pub fn pixel_levels(&self) -> PixelLevels {
        self.pixel_levels
    }

    /// The real logit that one integer unit stands for.
    #[must_use]
    pub fn logit_scale(&self) -> f64 {
        self.logit_scale
    }

    /// The convolution: `maps` rows of `kernel * kernel` taps.
    #[must_use]
    pub fn convolution(&self) -> &IntegerBlock {
        &self.convolution
    }

    /// The first dense layer: `hidden` rows of `activations` weights.
    #[must_use]
    pub fn hidden(&self) -> &IntegerBlock {
        &self.hidden
    }

    /// The last dense layer: `classes` rows of `hidden` weights.
    #[must_use]
    pub fn output(&self) -> &IntegerBlock {
        &self.output
    }

    /// The blocks with their names, in the order of evaluation.
    #[must_use]
    pub fn blocks(&self) -> [(&'static str, &IntegerBlock); 3] {
        [("convolution", &self.convolution), ("hidden", &self.hidden), ("output", &self.output)]
    }

    /// The largest values that any image can cause.
    #[must_use]
    pub fn bounds(&self) -> &Bounds {
        &self.bounds
    }

    /// The exact logits of one image of `pixels()` quantised pixels.
    ///
    /// # Errors
    /// If the image has the wrong size or a pixel above the largest level.
    pub fn logits(&self, image: &[u8]) -> Result<Vec<i128>, ForwardError> {
        if image.len() != self.architecture.pixels() {
            return Err(ForwardError::ImageSize { found: image.len(), needed: self.architecture.pixels() });
        }
        let largest = self.pixel_levels.largest();
        if let Some(index) = image.iter().position(|&pixel| pixel > largest) {
            return Err(ForwardError::Pixel { index, found: image[index], largest });
        }
        // 64 bits where the bounds allow, for speed: the result is the same.
        if self.bounds.fit_i64() {
            self.forward::<i64>(image, self.narrow_hidden.as_deref())
        } else {
            self.forward::<i128>(image, None)
        }
    }

    fn forward<I: Exact>(&self, image: &[u8], narrow: Option<&[i16]>) -> Result<Vec<i128>, ForwardError> {
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

    /// Map by map, positions in row order.
    fn convolve<I: Exact>(&self, image: &[u8]) -> Option<Vec<I>> {
        let positions = self.architecture.positions();
        let biases: Vec<I> =
            self.convolution.biases().iter().map(|&bias| I::from_i128(bias)).collect::<Option<_>>()?;
        let mut outputs =
            biases.iter().flat_map(|&bias| std::iter::repeat_n(bias, positions)).collect::<Vec<_>>();
        for &Reading { position, tap, pixel } in &self.readings {
            // Most of an image is blank.
            if image[pixel] == 0 {
                continue;
            }
            let ink = I::from(i64::from(image[pixel]));
            for (map, weights) in self.convolution.row_iter().enumerate() {
                let output = &mut outputs[map * positions + position];
                *output = output.add_product(I::from(weights[tap]), ink)?;
            }
        }
        Some(outputs)
    }
}

fn squares<I: Exact>(values: &[I]) -> Option<Vec<I>> {
    let zero = I::from(0);
    values.iter().map(|&value| zero.add_product(value, value)).collect()
}

fn dense<I: Exact>(block: &IntegerBlock, inputs: &[I]) -> Option<Vec<I>> {
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

/// The numbers in 16 bits, if they all fit.
fn narrow<I: Copy + TryInto<i16>>(numbers: &[I]) -> Option<Vec<i16>> {
    numbers.iter().map(|&number| number.try_into().ok()).collect()
}

/// The same as [`dense`] for activations of 16 bits and sums of 32, which [`Bounds`] must have promised: nine tenths of
/// an image's multiplications are here, and these go eight at a time on any x86-64.
fn narrow_dense<I: Exact>(weights: &[i16], block: &IntegerBlock, inputs: &[I]) -> Option<Vec<I>> {
    let inputs = narrow(&inputs.iter().map(|&input| input.into()).collect::<Vec<i128>>())?;
    let rows = weights.chunks_exact(block.columns()).zip(block.biases());
    rows.map(|(weights, &bias)| {
        let products = weights.iter().zip(&inputs).map(|(&weight, &x)| i32::from(weight) * i32::from(x));
        I::from_i128(bias)?.add_product(I::from(i64::from(products.sum::<i32>())), I::from(1))
    })
    .collect()
}

/// Integers whose overflow is noticed.
pub(crate) trait Exact: Copy + From<i64> + Into<i128> {
    fn from_i128(value: i128) -> Option<Self>;
    fn add_product(self, a: Self, b: Self) -> Option<Self>;
}

impl Exact for i64 {
    fn from_i128(value: i128) -> Option<Self> {
        value.try_into().ok()
    }

    fn add_product(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
}

impl Exact for i128 {
    fn from_i128(value: i128) -> Option<Self> {
        Some(value)
    }

    fn add_product(self, a: Self, b: Self) -> Option<Self> {
        self.checked_add(a.checked_mul(b)?)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Padding;

    /// 4 x 4 pixels, two maps of 2 x 2 with stride 2, 3 hidden units, 2 classes.
    pub(crate) const SMALL: Architecture = Architecture {
        image_side: 4,
        kernel: 2,
        stride: 2,
        padding: Padding { leading: 0, trailing: 0 },
        maps: 2,
        hidden: 3,
        classes: 2,
    };

    fn block(rows: usize, columns: usize, weight: impl Fn(usize, usize) -> i64, bias: i128) -> IntegerBlock {
        let weights = (0..rows * columns).map(|i| weight(i / columns, i % columns)).collect();
        Block::new(columns, weights, vec![bias; rows]).unwrap()
    }

    #[test]
    fn a_network_small_enough_for_paper_and_pencil_gives_its_logits() {
        // Map 0 sums its window, map 1 is its top left pixel less its bottom right one.
        let convolution = block(2, 4, |map, tap| [[1, 1, 1, 1], [1, 0, 0, -1]][map][tap], 1);
        let hidden = block(3, 8, |unit, input| i64::from(input % 3 == unit), -2);
        let output = block(2, 3, |class, unit| [[1, 2, 3], [-1, 0, 1]][class][unit], 5);
        let network =
            IntegerNetwork::new(SMALL, PixelLevels::new(4).unwrap(), 1.0, [convolution, hidden, output])
                .unwrap();
        #[rustfmt::skip]
        let image = [
            1, 0, 2, 2,
            0, 3, 2, 2,
            0, 0, 3, 0,
            0, 0, 0, 1,
        ];
        // Convolution: map 0: 5, 9, 1, 5; map 1: -1, 1, 1, 3. Squares: 25 81 1 25 1 1 1 9.
        // Hidden: 25+25+1-2 = 49, 81+1+9-2 = 89, 1+1-2 = 0. Logits: 2401+2*7921+5, -2401+5.
        assert_eq!(network.logits(&image).unwrap(), [18_248, -2_396]);
    }

    #[test]
    fn images_that_do_not_fit_are_refused() {
        let network = any_network(1);
        assert_eq!(network.logits(&[0; 15]), Err(ForwardError::ImageSize { found: 15, needed: 16 }));
        let mut image = [0; 16];
        image[7] = 4;
        assert_eq!(network.logits(&image), Err(ForwardError::Pixel { index: 7, found: 4, largest: 3 }));
    }

    #[test]
    fn blocks_of_the_wrong_shape_are_refused_by_name() {
        let blocks = [block(2, 4, |_, _| 1, 0), block(3, 9, |_, _| 1, 0), block(2, 3, |_, _| 1, 0)];
        let error = IntegerNetwork::new(SMALL, PixelLevels::new(4).unwrap(), 1.0, blocks).unwrap_err();
        assert_eq!(error.to_string(), "the hidden block is 3 x 9, but the architecture needs 3 x 8");
    }

    #[test]
    fn weights_whose_values_could_exceed_127_bits_are_refused() {
        let blocks =
            [block(2, 4, |_, _| 1 << 40, 0), block(3, 8, |_, _| 1 << 40, 0), block(2, 3, |_, _| 1, 0)];
        let error = IntegerNetwork::new(SMALL, PixelLevels::new(4).unwrap(), 1.0, blocks).unwrap_err();
        assert_eq!(error, NetworkError::Range(RangeTooLarge { layer: "hidden layer" }));
    }

    fn any_network(scale: i64) -> IntegerNetwork {
        let weight = |row: usize, column: usize| ((row * 7 + column * 5) as i64 % 9 - 4) * scale;
        let blocks = [block(2, 4, weight, 3), block(3, 8, weight, -11), block(2, 3, weight, 17)];
        IntegerNetwork::new(SMALL, PixelLevels::new(4).unwrap(), 1.0, blocks).unwrap()
    }

    proptest! {
        #[test]
        fn both_widths_give_the_same_logits_within_the_bounds(
            image in prop::collection::vec(0u8..=3, 16),
            // Up to 3 the hidden layer is narrow.
            scale in prop_oneof![1i64..4, 1i64..1000],
        ) {
            let network = any_network(scale);
            let wide = network.forward::<i128>(&image, None).unwrap();
            prop_assert_eq!(&network.logits(&image).unwrap(), &wide);
            prop_assert!(wide.iter().all(|logit| logit.abs() <= network.bounds().logits));
            prop_assert!(network.narrow_hidden.is_some() || scale > 1);
            if network.bounds().fit_i64() {
                prop_assert_eq!(network.forward::<i64>(&image, None).unwrap(), wide);
            }
        }
    }
}
