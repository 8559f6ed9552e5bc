//! Tensors of a traced network: constants, or affine functions of the image.

use ndarray::{ArrayD, ArrayViewD, Axis, IxDyn, Slice, concatenate};

use super::affine::{Accumulator, Affine};
use crate::import::error::LayerError;

/// Largest number of numbers of a traced tensor. Each takes about 50 bytes without its terms: 100 MiB.
const MAX_NUMBERS: usize = 1 << 21;

/// Largest number of numbers of a constant, of 8 bytes each: 512 MiB.
const MAX_CONSTANTS: usize = 1 << 26;

/// Largest number of terms in all numbers of a traced tensor, of 16 bytes each: 1 GiB.
const MAX_TERMS: usize = 1 << 26;

/// A tensor of a network's graph. The first axis is the batch, of size 1, in all frameworks that have a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Numbers from the file, or computed from such.
    Constant(ArrayD<f64>),
    /// Numbers that depend on the image.
    Signal(Signal),
}

/// A tensor that depends on the image.
#[derive(Debug, Clone, PartialEq)]
pub struct Signal {
    /// Number of squares between the image and these numbers. If it is 0, the variables are the pixels.
    pub(super) squares: usize,
    /// The numbers.
    pub(super) numbers: ArrayD<Affine>,
    /// True if a softmax follows, which changes no prediction and is left out.
    pub(super) softmax: bool,
}

impl Value {
    /// Creates a constant without axes.
    pub fn scalar(value: f64) -> Self {
        Self::Constant(ArrayD::from_elem(IxDyn(&[]), value))
    }

    /// Returns the sizes of the axes.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::Constant(numbers) => numbers.shape(),
            Self::Signal(signal) => signal.numbers.shape(),
        }
    }

    /// Returns the largest memory of the numbers, in units of 16 bytes.
    pub fn size(&self) -> usize {
        match self {
            Self::Constant(numbers) => numbers.len(),
            // A number that depends on the image takes as much memory as 4 terms, in addition to its terms.
            Self::Signal(signal) => {
                terms(&signal.numbers).saturating_add(signal.numbers.len().saturating_mul(4))
            }
        }
    }

    /// Returns the numbers of a constant.
    ///
    /// # Errors
    /// If they depend on the image.
    pub fn as_constant(&self) -> Result<&ArrayD<f64>, LayerError> {
        match self {
            Self::Constant(numbers) => Ok(numbers),
            Self::Signal(_) => Err(LayerError::new("uses as a constant a value that depends on the image")),
        }
    }

    /// Returns the same numbers, in row-major order, under another shape.
    ///
    /// # Errors
    /// If that shape has another number of numbers.
    pub fn reshape(&self, shape: &[usize]) -> Result<Self, LayerError> {
        let misfit = |_| LayerError::new(format!("cannot turn the shape {:?} into {shape:?}", self.shape()));
        self.map_structure(
            |numbers| numbers.to_shape(IxDyn(shape)).map(|array| array.to_owned()).map_err(misfit),
            |numbers| numbers.to_shape(IxDyn(shape)).map(|array| array.to_owned()).map_err(misfit),
        )
    }

    /// Returns the tensor with its axes in another order: axis `order[i]` becomes axis i.
    ///
    /// # Errors
    /// If `order` does not name every axis once.
    pub fn transpose(&self, order: &[usize]) -> Result<Self, LayerError> {
        let mut sorted = order.to_vec();
        sorted.sort_unstable();
        if !sorted.iter().copied().eq(0..self.shape().len()) {
            return Err(LayerError::new(format!("orders axes as {order:?} of the shape {:?}", self.shape())));
        }
        self.map_structure(
            |numbers| Ok(numbers.permuted_axes(IxDyn(order)).to_owned()),
            |numbers| Ok(numbers.permuted_axes(IxDyn(order)).to_owned()),
        )
    }

    /// Returns the numbers with two axes: all axes before `axis` joined, and all from `axis` on joined (`Flatten` of
    /// ONNX; `axis` is 1 in other frameworks).
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn flatten(&self, axis: usize) -> Result<Self, LayerError> {
        let (Some(before), Some(after)) = (self.shape().get(..axis), self.shape().get(axis..)) else {
            return Err(LayerError::new(format!(
                "flattens from axis {axis} on, but has the shape {:?}",
                self.shape()
            )));
        };
        self.reshape(&[before.iter().product(), after.iter().product()])
    }

    /// Returns every `step`-th number from `start` to before `end` along an axis.
    ///
    /// # Errors
    /// If there is no such axis, or the range is not in it.
    pub fn slice(&self, axis: usize, start: usize, end: usize, step: usize) -> Result<Self, LayerError> {
        let size = self.shape().get(axis).copied().unwrap_or(0);
        if start >= end || end > size || step == 0 {
            return Err(LayerError::new(format!(
                "takes {start}..{end} in steps of {step} of axis {axis}, but the shape is {:?}",
                self.shape()
            )));
        }
        let part = Slice { start: start as isize, end: Some(end as isize), step: step as isize };
        self.map_structure(
            |numbers| Ok(numbers.slice_axis(Axis(axis), part).to_owned()),
            |numbers| Ok(numbers.slice_axis(Axis(axis), part).to_owned()),
        )
    }

    /// Returns the numbers at `indices` of an axis, in that order.
    ///
    /// # Errors
    /// If there is no such axis or index, or the result is too large.
    pub fn select(&self, axis: usize, indices: &[usize]) -> Result<Self, LayerError> {
        let size = self.shape().get(axis).copied().unwrap_or(0);
        if axis >= self.shape().len() || indices.iter().any(|&index| index >= size) {
            return Err(LayerError::new(format!(
                "takes the indices {indices:?} of axis {axis} of the shape {:?}",
                self.shape()
            )));
        }
        let row = self.shape().iter().product::<usize>() / size.max(1);
        let numbers = row.saturating_mul(indices.len());
        match self {
            Self::Constant(_) => check_constants(numbers)?,
            Self::Signal(signal) => {
                check_numbers(numbers)?;
                let own = |part: ArrayViewD<'_, Affine>| part.iter().map(|number| number.terms.len()).sum();
                let each: Vec<usize> = signal.numbers.axis_iter(Axis(axis)).map(own).collect();
                check_terms(
                    indices
                        .iter()
                        .fold(0, |all, &index| all.saturating_add(each.get(index).copied().unwrap_or(0))),
                )?;
            }
        }
        self.map_structure(
            |numbers| Ok(numbers.select(Axis(axis), indices)),
            |numbers| Ok(numbers.select(Axis(axis), indices)),
        )
    }

    /// Returns tensors joined along an axis.
    ///
    /// # Errors
    /// If there are none, or their other axes differ.
    pub fn concatenate(axis: usize, parts: &[Self]) -> Result<Self, LayerError> {
        let misfit = || LayerError::new(format!("joins tensors along axis {axis} whose shapes do not fit"));
        if parts.iter().any(|part| part.shape().len() <= axis) {
            return Err(misfit());
        }
        let numbers = parts.iter().map(|part| part.shape().iter().product::<usize>()).sum();
        if parts.iter().all(|part| matches!(part, Self::Constant(_))) {
            check_constants(numbers)?;
            let views = parts.iter().map(|part| part.as_constant().map(|numbers| numbers.view()));
            let views = views.collect::<Result<Vec<_>, _>>()?;
            return concatenate(Axis(axis), &views).map(Self::Constant).map_err(|_| misfit());
        }
        check_numbers(numbers)?;
        check_terms(parts.iter().map(Self::terms).sum())?;
        let signals = parts.iter().map(Self::to_signal).collect::<Vec<_>>();
        let squares = common_squares(&signals)?;
        let views: Vec<ArrayViewD<'_, Affine>> = signals.iter().map(|signal| signal.numbers.view()).collect();
        let numbers = concatenate(Axis(axis), &views).map_err(|_| misfit())?;
        Ok(Self::Signal(Signal { squares, numbers, softmax: false }))
    }

    /// Returns the numbers with constants around them: `sides[axis]` before and after.
    ///
    /// # Errors
    /// If there is not a pair for each axis, or the result is too large.
    pub fn pad(&self, sides: &[(usize, usize)], constant: f64) -> Result<Self, LayerError> {
        let mut padded = self.clone();
        if sides.len() != self.shape().len() {
            return Err(LayerError::new(format!(
                "pads {} axes of the shape {:?}",
                sides.len(),
                self.shape()
            )));
        }
        for (axis, &(before, behind)) in sides.iter().enumerate() {
            for (zeros, first) in [(before, true), (behind, false)] {
                if zeros == 0 {
                    continue;
                }
                let mut shape = padded.shape().to_vec();
                if let Some(size) = shape.get_mut(axis) {
                    *size = zeros;
                }
                self.check_larger(&shape)?;
                let zeros = Self::Constant(ArrayD::from_elem(IxDyn(&shape), constant));
                padded = Self::concatenate(axis, &if first { [zeros, padded] } else { [padded, zeros] })?;
            }
        }
        Ok(padded)
    }

    /// Returns the numbers repeated along axes of size 1 and new axes in front, as NumPy broadcasts.
    ///
    /// # Errors
    /// If the shape does not fit, or the result is too large.
    pub fn broadcast(&self, shape: &[usize]) -> Result<Self, LayerError> {
        let misfit = || LayerError::new(format!("cannot spread the shape {:?} over {shape:?}", self.shape()));
        self.check_larger(shape)?;
        self.map_structure(
            |numbers| Ok(numbers.broadcast(IxDyn(shape)).ok_or_else(misfit)?.to_owned()),
            |numbers| Ok(numbers.broadcast(IxDyn(shape)).ok_or_else(misfit)?.to_owned()),
        )
    }

    /// Returns the sum of two tensors, broadcast to a common shape.
    ///
    /// # Errors
    /// If their shapes do not fit, or different numbers of squares precede them.
    pub fn add(&self, other: &Self) -> Result<Self, LayerError> {
        let shape = common_shape(self.shape(), other.shape())?;
        let (left, right) = (self.broadcast(&shape)?, other.broadcast(&shape)?);
        match (left, right) {
            (Self::Constant(left), Self::Constant(right)) => Ok(Self::Constant(left + right)),
            (Self::Signal(mut signal), Self::Constant(constants))
            | (Self::Constant(constants), Self::Signal(mut signal)) => {
                signal.check_open()?;
                signal.numbers.zip_mut_with(&constants, |number, &constant| number.constant += constant);
                Ok(Self::Signal(signal))
            }
            (Self::Signal(left), Self::Signal(right)) => {
                let signals = [left, right];
                let squares = common_squares(&signals)?;
                let [mut left, right] = signals;
                let mut sum = Accumulator::default();
                left.numbers.zip_mut_with(&right.numbers, |number, other| {
                    sum.add(number, 1.0);
                    sum.add(other, 1.0);
                    *number = Affine { position: number.position, ..sum.take(0.0) };
                });
                check_terms(terms(&left.numbers))?;
                Ok(Self::Signal(Signal { squares, ..left }))
            }
        }
    }

    /// Returns the difference of two tensors, as [`add`](Self::add).
    ///
    /// # Errors
    /// As `add`.
    pub fn subtract(&self, other: &Self) -> Result<Self, LayerError> {
        self.add(&other.scale(&Self::scalar(-1.0))?)
    }

    /// Returns the product of two tensors of which at least one is constant.
    ///
    /// # Errors
    /// If both depend on the image, or their shapes do not fit.
    pub fn scale(&self, other: &Self) -> Result<Self, LayerError> {
        let shape = common_shape(self.shape(), other.shape())?;
        let (left, right) = (self.broadcast(&shape)?, other.broadcast(&shape)?);
        match (left, right) {
            (Self::Constant(left), Self::Constant(right)) => Ok(Self::Constant(left * right)),
            (Self::Signal(mut signal), Self::Constant(constants))
            | (Self::Constant(constants), Self::Signal(mut signal)) => {
                signal.check_open()?;
                signal.numbers.zip_mut_with(&constants, |number, &factor| *number = number.scaled(factor));
                Ok(Self::Signal(signal))
            }
            (Self::Signal(_), Self::Signal(_)) => Err(LayerError::new(
                "multiplies two values that depend on the image; the square of one value is the only such product that \
                 can be evaluated here",
            )),
        }
    }

    /// Returns the quotient by a constant.
    ///
    /// # Errors
    /// If the divisor depends on the image or holds a zero, or the shapes do not fit.
    pub fn divide(&self, other: &Self) -> Result<Self, LayerError> {
        let Ok(divisor) = other.as_constant() else {
            return Err(LayerError::new(
                "divides by a value that depends on the image, which ciphertexts do not allow",
            ));
        };
        if divisor.iter().any(|&value| value == 0.0) {
            return Err(LayerError::new("divides by zero"));
        }
        self.scale(&Self::Constant(divisor.mapv(f64::recip)))
    }

    /// Returns the matrix product with a constant matrix on either side. If the left tensor has more than two axes,
    /// the product is over the last two, as in NumPy's `matmul`. A left tensor of one axis is a row.
    ///
    /// # Errors
    /// If both depend on the image, or their shapes do not fit.
    pub fn matmul(&self, other: &Self) -> Result<Self, LayerError> {
        let misfit = || {
            LayerError::new(format!(
                "multiplies a matrix of the shape {:?} by {:?}",
                self.shape(),
                other.shape()
            ))
        };
        if let (Self::Constant(_), Self::Signal(signal)) = (self, other) {
            // (A B)^T = B^T A^T.
            if self.shape().len() != 2 || signal.numbers.ndim() != 2 {
                return Err(misfit());
            }
            return other.transpose(&[1, 0])?.matmul(&self.transpose(&[1, 0])?)?.transpose(&[1, 0]);
        }
        let matrix = match other {
            Self::Constant(matrix) => matrix,
            Self::Signal(_) => return self.scale(other),
        };
        let ([inner, columns], Some((&last, rows))) = (matrix.shape(), self.shape().split_last()) else {
            return Err(misfit());
        };
        if *inner != last {
            return Err(misfit());
        }
        let count: usize = rows.iter().product();
        let mut shape = rows.to_vec();
        shape.push(*columns);
        let products = count.saturating_mul(*columns);
        let shaped = |_| misfit();
        match self {
            Self::Constant(left) => {
                check_constants(products)?;
                let left = left.to_shape((count, last)).map_err(shaped)?;
                let right = matrix.to_shape((*inner, *columns)).map_err(shaped)?;
                let product = left.dot(&right);
                Ok(Self::Constant(product.to_shape(IxDyn(&shape)).map_err(shaped)?.to_owned()))
            }
            Self::Signal(signal) => {
                signal.check_open()?;
                check_numbers(products)?;
                let left = signal.numbers.to_shape((count, last)).map_err(shaped)?;
                let mut numbers = Vec::with_capacity(count * columns);
                let mut sum = Accumulator::default();
                let mut stored = 0usize;
                for row in left.rows() {
                    for column in matrix.axis_iter(Axis(1)) {
                        for (number, &factor) in row.iter().zip(column) {
                            sum.add(number, factor);
                        }
                        let number = sum.take(0.0);
                        stored = stored.saturating_add(number.terms.len());
                        check_terms(stored)?;
                        numbers.push(number);
                    }
                }
                let numbers = ArrayD::from_shape_vec(IxDyn(&shape), numbers).map_err(shaped)?;
                Ok(Self::Signal(Signal { squares: signal.squares, numbers, softmax: false }))
            }
        }
    }

    /// Returns the sums over some axes, which become axes of size 1.
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn sum(&self, axes: &[usize]) -> Result<Self, LayerError> {
        let mut sums = self.clone();
        for &axis in axes {
            let size = sums.shape().get(axis).copied().unwrap_or(0);
            if size == 0 {
                return Err(LayerError::new(format!(
                    "sums over axis {axis} of the shape {:?}",
                    self.shape()
                )));
            }
            sums = match sums {
                Self::Constant(numbers) => {
                    Self::Constant(numbers.sum_axis(Axis(axis)).insert_axis(Axis(axis)))
                }
                Self::Signal(signal) => {
                    signal.check_open()?;
                    let mut sum = Accumulator::default();
                    let numbers = signal.numbers.map_axis(Axis(axis), |lane| {
                        lane.iter().for_each(|number| sum.add(number, 1.0));
                        sum.take(0.0)
                    });
                    let numbers = numbers.insert_axis(Axis(axis));
                    check_terms(terms(&numbers))?;
                    Self::Signal(Signal { numbers, ..signal })
                }
            };
        }
        Ok(sums)
    }

    /// Returns the means over some axes, which become axes of size 1.
    ///
    /// # Errors
    /// If there is no such axis.
    pub fn mean(&self, axes: &[usize]) -> Result<Self, LayerError> {
        let count: usize = axes.iter().filter_map(|&axis| self.shape().get(axis)).product();
        self.sum(axes)?.divide(&Self::scalar(count as f64))
    }

    /// Leaves out the softmax of the logits, or its logarithm, because it changes no prediction and belongs to the
    /// loss. Only a change of shape may follow.
    ///
    /// # Errors
    /// If the value is a constant.
    pub fn softmax(&self) -> Result<Self, LayerError> {
        match self {
            Self::Constant(_) => Err(LayerError::new("is a softmax of constants")),
            Self::Signal(signal) => Ok(Self::Signal(Signal { softmax: true, ..signal.clone() })),
        }
    }

    /// Returns the number of terms of all numbers; constants have none.
    fn terms(&self) -> usize {
        match self {
            Self::Constant(_) => 0,
            Self::Signal(signal) => terms(&signal.numbers),
        }
    }

    /// Refuses a shape if the numbers, repeated over it, would not fit in memory.
    fn check_larger(&self, shape: &[usize]) -> Result<(), LayerError> {
        let numbers = shape.iter().fold(1usize, |all, &size| all.saturating_mul(size));
        match self {
            Self::Constant(_) => check_constants(numbers),
            Self::Signal(signal) => {
                check_numbers(numbers)?;
                let copies = numbers.div_ceil(signal.numbers.len().max(1));
                check_terms(self.terms().saturating_mul(copies))
            }
        }
    }

    fn to_signal(&self) -> Signal {
        match self {
            Self::Constant(numbers) => {
                // Constants can be joined with numbers after any number of squares.
                Signal { squares: usize::MAX, numbers: numbers.mapv(Affine::constant), softmax: false }
            }
            Self::Signal(signal) => signal.clone(),
        }
    }

    /// Applies a function that moves numbers, to either kind of value.
    fn map_structure(
        &self,
        constant: impl Fn(ArrayViewD<'_, f64>) -> Result<ArrayD<f64>, LayerError>,
        signal: impl Fn(ArrayViewD<'_, Affine>) -> Result<ArrayD<Affine>, LayerError>,
    ) -> Result<Self, LayerError> {
        Ok(match self {
            Self::Constant(numbers) => Self::Constant(constant(numbers.view())?),
            Self::Signal(own) => {
                Self::Signal(Signal { numbers: signal(own.numbers.view())?, ..own.clone_form() })
            }
        })
    }
}

impl Signal {
    /// Checks that no softmax precedes these numbers.
    pub(super) fn check_open(&self) -> Result<(), LayerError> {
        if self.softmax {
            return Err(LayerError::new("follows a softmax, which can only be the network's last layer"));
        }
        Ok(())
    }

    /// Returns a copy without the numbers.
    fn clone_form(&self) -> Self {
        Self { squares: self.squares, numbers: ArrayD::default(IxDyn(&[0])), softmax: self.softmax }
    }
}

/// Returns the number of squares before all signals; constants have none of their own.
fn common_squares(signals: &[Signal]) -> Result<usize, LayerError> {
    for signal in signals {
        signal.check_open()?;
    }
    let own = || signals.iter().map(|signal| signal.squares).filter(|&squares| squares != usize::MAX);
    match (own().min(), own().max()) {
        (Some(fewest), Some(most)) if fewest == most => Ok(most),
        _ => Err(LayerError::new(
            "joins values with different numbers of squares before them (a connection that skips a square), which this family \
             of networks does not have",
        )),
    }
}

/// Returns the shape to which both are broadcast, as in NumPy.
fn common_shape(left: &[usize], right: &[usize]) -> Result<Vec<usize>, LayerError> {
    let axes = left.len().max(right.len());
    let size = |shape: &[usize], axis: usize| {
        (axis + shape.len()).checked_sub(axes).and_then(|own| shape.get(own).copied()).unwrap_or(1)
    };
    (0..axes)
        .map(|axis| match (size(left, axis), size(right, axis)) {
            (left, right) if left == right => Ok(left),
            (1, size) | (size, 1) => Ok(size),
            _ => Err(LayerError::new(format!("combines tensors of the shapes {left:?} and {right:?}"))),
        })
        .collect()
}

/// Returns the index of an axis among `axes`, which counts from the end if it is negative.
///
/// # Errors
/// If there is no such axis.
pub fn axis_index(axis: i64, axes: usize) -> Result<usize, LayerError> {
    let index = if axis < 0 { axis.checked_add_unsigned(axes as u64) } else { Some(axis) };
    let index = index.and_then(|index| usize::try_from(index).ok()).filter(|&index| index < axes);
    index.ok_or_else(|| LayerError::new(format!("names axis {axis} of a tensor of {axes} axes")))
}

/// Returns the number of terms of all numbers.
pub(super) fn terms(numbers: &ArrayD<Affine>) -> usize {
    numbers.iter().map(|number| number.terms.len()).sum()
}

/// Refuses constants that are too large for any network of this family.
fn check_constants(numbers: usize) -> Result<(), LayerError> {
    if numbers > MAX_CONSTANTS {
        return Err(LayerError::new(format!("makes a constant of more than {MAX_CONSTANTS} numbers")));
    }
    Ok(())
}

/// Refuses tensors that are too large for any network of this family.
pub(super) fn check_numbers(numbers: usize) -> Result<(), LayerError> {
    if numbers > MAX_NUMBERS {
        return Err(LayerError::new(format!("makes a tensor of more than {MAX_NUMBERS} numbers")));
    }
    Ok(())
}

/// Refuses linear maps that would not fit in memory.
pub(super) fn check_terms(terms: usize) -> Result<(), LayerError> {
    if terms > MAX_TERMS {
        return Err(LayerError::new(format!("makes a linear map of more than {MAX_TERMS} weights")));
    }
    Ok(())
}
