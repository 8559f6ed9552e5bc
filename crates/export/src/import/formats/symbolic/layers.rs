//! Layers with weights or windows: convolution, average pooling and BatchNorm. Axes are batch, channel, row, column.

use ndarray::{ArrayD, IxDyn};

use super::affine::{Accumulator, Affine, OutputPosition};
use super::value::{Signal, Value, check_numbers, check_terms};
use crate::import::error::LayerError;

/// Positions of windows on an image, rows first and columns second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// Distance of neighbouring windows.
    pub stride: [usize; 2],
    /// Zeros before and after the image.
    pub padding: [(usize, usize); 2],
}

impl Windows {
    /// Returns windows with the zeros of TensorFlow's "SAME" for an image of `sides` and windows of `kernel`: the
    /// output's side is that of the image over the stride, rounded up. An odd zero is after the image.
    #[expect(clippy::indexing_slicing, reason = "the axis is 0 or 1")]
    pub fn same(sides: [usize; 2], kernel: [usize; 2], stride: [usize; 2]) -> Self {
        let zeros = |axis: usize| {
            let outputs = sides[axis].div_ceil(stride[axis].max(1));
            let all = (outputs.saturating_sub(1) * stride[axis] + kernel[axis]).saturating_sub(sides[axis]);
            (all / 2, all.div_ceil(2))
        };
        Self { stride, padding: [zeros(0), zeros(1)] }
    }

    /// Returns windows without zeros.
    pub fn valid(stride: [usize; 2]) -> Self {
        Self { stride, padding: [(0, 0); 2] }
    }

    /// Returns the number of windows on each axis of an image of `sides`.
    #[expect(clippy::indexing_slicing, reason = "the axis is 0 or 1")]
    fn outputs(&self, sides: [usize; 2], kernel: [usize; 2]) -> Result<[usize; 2], LayerError> {
        let mut outputs = [0; 2];
        for axis in 0..2 {
            let (before, behind) = self.padding[axis];
            let padded = before.checked_add(behind).and_then(|zeros| zeros.checked_add(sides[axis]));
            let count = padded
                .and_then(|padded| padded.checked_sub(kernel[axis]))
                .filter(|_| kernel[axis] > 0 && self.stride[axis] > 0)
                .map(|free| free / self.stride[axis] + 1);
            outputs[axis] = count.ok_or_else(|| {
                LayerError::new(format!(
                    "has windows of {kernel:?} with stride {:?} and padding {:?} on an image of {sides:?}",
                    self.stride, self.padding
                ))
            })?;
        }
        Ok(outputs)
    }

    /// Returns the image's index along `axis` that tap `tap` of window `window` reads; `None` if it is padding.
    #[expect(clippy::indexing_slicing, reason = "the axis is 0 or 1")]
    fn index(&self, axis: usize, window: usize, tap: usize, side: usize) -> Option<usize> {
        let index = (window * self.stride[axis] + tap).checked_sub(self.padding[axis].0)?;
        (index < side).then_some(index)
    }
}

/// Returns the convolution (without a flip, as in all frameworks) of an image `[1, channels, rows, columns]` with
/// kernels `[maps, channels, rows, columns]` and a bias for each map.
///
/// # Errors
/// If the value is no such image, does not fit the kernels, or follows a square, because then it is a second
/// convolution.
#[expect(clippy::indexing_slicing, reason = "channels, rows and columns are inside the image")]
pub fn convolve(
    value: &Value,
    kernels: &ArrayD<f64>,
    bias: Option<&ArrayD<f64>>,
    windows: Windows,
) -> Result<Value, LayerError> {
    let (signal, [channels, rows, columns]) = image(value)?;
    signal.check_open()?;
    if signal.squares > 0 {
        return Err(LayerError::new(
            "is a second convolution; this family of networks has one. Use instead: convolution, square, dense, square, dense",
        ));
    }
    let &[maps, kernel_channels, kernel_rows, kernel_columns] = kernels.shape() else {
        return Err(LayerError::new(format!(
            "has kernels of the shape {:?}, not of four axes",
            kernels.shape()
        )));
    };
    if kernel_channels != channels {
        return Err(LayerError::new(format!(
            "reads {kernel_channels} channels of an image of {channels} (grey images have one, and grouped convolutions \
             are not supported)"
        )));
    }
    if let Some(bias) = bias
        && bias.len() != maps
    {
        return Err(LayerError::new(format!("has {} biases for {maps} maps", bias.len())));
    }
    let [out_rows, out_columns] = windows.outputs([rows, columns], [kernel_rows, kernel_columns])?;
    let count = maps.saturating_mul(out_rows).saturating_mul(out_columns);
    check_numbers(count)?;
    let mut numbers = Vec::with_capacity(count);
    let mut sum = Accumulator::default();
    let mut stored = 0usize;
    for map in 0..maps {
        let bias = bias.and_then(|bias| bias.iter().nth(map)).copied().unwrap_or(0.0);
        for row in 0..out_rows {
            for column in 0..out_columns {
                for tap_row in 0..kernel_rows {
                    let Some(y) = windows.index(0, row, tap_row, rows) else { continue };
                    for tap_column in 0..kernel_columns {
                        let Some(x) = windows.index(1, column, tap_column, columns) else { continue };
                        for channel in 0..channels {
                            let weight = kernels[[map, channel, tap_row, tap_column]];
                            sum.add(&signal.numbers[[0, channel, y, x]], weight);
                        }
                    }
                }
                let mut number = sum.take(bias);
                number.position = Some(place(map, row, column));
                stored = stored.saturating_add(number.terms.len());
                check_terms(stored)?;
                numbers.push(number);
            }
        }
    }
    like(signal, [1, maps, out_rows, out_columns], numbers)
}

/// Returns the mean over windows of `kernel` rows and columns of every channel of `[1, channels, rows, columns]`.
/// `counts_padding` says whether zeros of the padding count in the mean.
///
/// # Errors
/// If the value is no such image, or a window reads only padding.
#[expect(clippy::indexing_slicing, reason = "channels, rows and columns are inside the image")]
pub fn average_pool(
    value: &Value,
    kernel: [usize; 2],
    windows: Windows,
    counts_padding: bool,
) -> Result<Value, LayerError> {
    let (signal, [channels, rows, columns]) = image(value)?;
    signal.check_open()?;
    let [out_rows, out_columns] = windows.outputs([rows, columns], kernel)?;
    let count = channels.saturating_mul(out_rows).saturating_mul(out_columns);
    check_numbers(count)?;
    let mut numbers = Vec::with_capacity(count);
    let mut sum = Accumulator::default();
    let mut stored = 0usize;
    for channel in 0..channels {
        for row in 0..out_rows {
            for column in 0..out_columns {
                let mut read = 0usize;
                for y in (0..kernel[0]).filter_map(|tap| windows.index(0, row, tap, rows)) {
                    for x in (0..kernel[1]).filter_map(|tap| windows.index(1, column, tap, columns)) {
                        sum.add(&signal.numbers[[0, channel, y, x]], 1.0);
                        read += 1;
                    }
                }
                let divisor = if counts_padding { kernel[0] * kernel[1] } else { read };
                if divisor == 0 {
                    return Err(LayerError::new("has a window that reads nothing but padding"));
                }
                let mut number = sum.take(0.0).scaled((divisor as f64).recip());
                // Pooled outputs of a convolution are outputs of a larger convolution.
                number.position = (signal.squares == 0).then(|| place(channel, row, column));
                stored = stored.saturating_add(number.terms.len());
                check_terms(stored)?;
                numbers.push(number);
            }
        }
    }
    like(signal, [1, channels, out_rows, out_columns], numbers)
}

/// Returns `(x - mean) / sqrt(variance + epsilon) * gamma + beta` along `axis`, as BatchNorm does in inference mode.
///
/// # Errors
/// If a statistic has another size than the axis, or a variance is negative.
pub fn batch_norm(
    value: &Value,
    axis: usize,
    statistics: &BatchNormStatistics<'_>,
) -> Result<Value, LayerError> {
    let BatchNormStatistics { gamma, beta, mean, variance, epsilon } = *statistics;
    let size = value.shape().get(axis).copied().unwrap_or(0);
    let spread = |numbers: &ArrayD<f64>, what: &str| {
        let mut shape = vec![1; value.shape().len()];
        if let Some(own) = shape.get_mut(axis) {
            *own = size;
        }
        numbers.to_shape(IxDyn(&shape)).map(|array| Value::Constant(array.to_owned())).map_err(|_| {
            LayerError::new(format!("has a {what} of {} values for {size} channels", numbers.len()))
        })
    };
    let deviation = variance.mapv(|variance| (variance + epsilon).sqrt());
    if deviation.iter().any(|value| !value.is_finite() || *value <= 0.0) {
        return Err(LayerError::new("has a variance that is not positive"));
    }
    let mut value = value.subtract(&spread(mean, "mean")?)?.divide(&spread(&deviation, "variance")?)?;
    if let Some(gamma) = gamma {
        value = value.scale(&spread(gamma, "scale")?)?;
    }
    match beta {
        Some(beta) => value.add(&spread(beta, "offset")?),
        None => Ok(value),
    }
}

/// Returns the signal of an image, and its channels, rows and columns.
fn image(value: &Value) -> Result<(&Signal, [usize; 3]), LayerError> {
    match (value, value.shape()) {
        (Value::Signal(signal), &[1, channels, rows, columns]) => Ok((signal, [channels, rows, columns])),
        _ => Err(LayerError::new(format!(
            "reads an image of the shape {:?}, not [1, channels, rows, columns]",
            value.shape()
        ))),
    }
}

/// The statistics and factors of BatchNorm for each channel.
#[derive(Debug, Clone, Copy)]
pub struct BatchNormStatistics<'a> {
    /// Factors; 1 if absent.
    pub gamma: Option<&'a ArrayD<f64>>,
    /// Offsets; 0 if absent.
    pub beta: Option<&'a ArrayD<f64>>,
    /// Moving means.
    pub mean: &'a ArrayD<f64>,
    /// Moving variances.
    pub variance: &'a ArrayD<f64>,
    /// Number added to the variance.
    pub epsilon: f64,
}

/// Returns a tensor of other numbers after as many squares as `signal`.
fn like(signal: &Signal, shape: [usize; 4], numbers: Vec<Affine>) -> Result<Value, LayerError> {
    let numbers = ArrayD::from_shape_vec(IxDyn(&shape), numbers)
        .map_err(|_| LayerError::new("has outputs that do not fit their own shape"))?;
    Ok(Value::Signal(Signal { squares: signal.squares, numbers, softmax: false }))
}

/// Converts a position. Sizes are below 2^24, because every tensor's size is checked.
fn place(map: usize, row: usize, column: usize) -> OutputPosition {
    let small = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
    OutputPosition { map: small(map), row: small(row), column: small(column) }
}
