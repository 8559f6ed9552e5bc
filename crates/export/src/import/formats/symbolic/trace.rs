//! The squares of a network while it is evaluated on its image.

use ndarray::{ArrayD, IxDyn};

use super::affine::Affine;
use super::value::{Signal, Value};
use crate::import::error::LayerError;

/// Largest number of rows and columns of an image; it takes 64 MiB while a network is traced.
const MAX_SIDE: usize = 1024;

/// A network during its evaluation: the linear maps before each square so far.
#[derive(Debug, Default)]
pub struct Trace {
    /// Rows and columns of the image in pixels.
    pub(super) side: usize,
    /// The numbers before the first square, the second square, and so on.
    pub(super) squared: Vec<Vec<Affine>>,
}

impl Trace {
    /// Returns the network's input, an image of `side` x `side` pixels, in the network's own shape: one axis of size
    /// `side` for rows before one for columns, or one for all pixels, and any number of axes of size 1.
    ///
    /// # Errors
    /// If the shape is not that of a square grey image.
    pub fn input(&mut self, shape: &[usize]) -> Result<Value, LayerError> {
        let sides: Vec<usize> = shape.iter().copied().filter(|&size| size != 1).collect();
        let side = match *sides.as_slice() {
            [rows, columns] if rows == columns => rows,
            [pixels] if pixels.isqrt().pow(2) == pixels => pixels.isqrt(),
            _ => {
                return Err(LayerError::new(format!(
                    "takes images of the shape {shape:?}; square grey images of one channel are supported, such as [1, 28, 28, 1] or \
                     [1, 1, 28, 28]"
                )));
            }
        };
        if !(1..=MAX_SIDE).contains(&side) {
            return Err(LayerError::new(format!(
                "takes images of {side} x {side} pixels, at most {MAX_SIDE} x {MAX_SIDE} are supported"
            )));
        }
        let count = side * side;
        let numbers = (0..count as u32).map(Affine::variable).collect();
        let numbers = ArrayD::from_shape_vec(IxDyn(shape), numbers)
            .map_err(|_| LayerError::new("takes images of an impossible shape"))?;
        self.side = side;
        Ok(Value::Signal(Signal { squares: 0, numbers, softmax: false }))
    }

    /// Returns the square of every number.
    ///
    /// # Errors
    /// If a softmax or two squares precede it.
    pub fn square(&mut self, value: &Value) -> Result<Value, LayerError> {
        let signal = match value {
            Value::Constant(numbers) => return Ok(Value::Constant(numbers * numbers)),
            Value::Signal(signal) => signal,
        };
        signal.check_open()?;
        if signal.squares == 2 {
            return Err(LayerError::new(
                "is a third square; this family of networks has two. Use instead: convolution, square, dense, square, dense",
            ));
        }
        // An exporter may repeat an operation, so that the same value is squared twice.
        let own: Vec<Affine> = signal.numbers.iter().cloned().collect();
        match self.squared.get(signal.squares) {
            None => self.squared.push(own),
            Some(earlier) if same(earlier, &own) => {}
            Some(_) => {
                return Err(LayerError::new(
                    "squares a second value beside another one; this family of networks has no branches",
                ));
            }
        }
        // The order is row-major, as in `squared`. `map` would use the order in memory, which a transpose does not
        // change.
        let squares = (0u32..).zip(&signal.numbers);
        let squares = squares
            .map(|(variable, number)| Affine { position: number.position, ..Affine::variable(variable) });
        let numbers = ArrayD::from_shape_vec(signal.numbers.raw_dim(), squares.collect())
            .map_err(|_| LayerError::new("squares a tensor of an impossible shape"))?;
        Ok(Value::Signal(Signal { squares: signal.squares + 1, numbers, softmax: false }))
    }

    /// Returns the product of two values: a square if both are the same function of the image.
    ///
    /// # Errors
    /// If both depend on the image and differ, or their shapes do not fit.
    pub fn multiply(&mut self, left: &Value, right: &Value) -> Result<Value, LayerError> {
        match (left, right) {
            (Value::Signal(one), Value::Signal(other))
                if one.squares == other.squares
                    && one.numbers.shape() == other.numbers.shape()
                    && one.numbers.iter().zip(&other.numbers).all(|(a, b)| a.same_function(b)) =>
            {
                self.square(left)
            }
            _ => left.scale(right),
        }
    }

    /// Returns the value to a constant power: 1 or 2.
    ///
    /// # Errors
    /// If it is another power of a value that depends on the image.
    pub fn power(&mut self, value: &Value, exponent: &Value) -> Result<Value, LayerError> {
        let exponent = exponent.as_constant()?;
        let all = |power: f64| exponent.iter().all(|&exponent| exponent == power);
        match value {
            Value::Constant(base) if exponent.len() == 1 => {
                let exponent = exponent.iter().next().copied().unwrap_or(1.0);
                Ok(Value::Constant(base.mapv(|base| base.powf(exponent))))
            }
            _ if all(1.0) => Ok(value.clone()),
            _ if all(2.0) => self.square(value),
            _ => Err(LayerError::not_a_square("a power other than the square")),
        }
    }
}

fn same(left: &[Affine], right: &[Affine]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a.same_function(b))
}

#[cfg(test)]
mod tests;
