//! Networks recognised by what they compute.
//!
//! A file that holds a whole network (Keras, ONNX, PyTorch's exported programs) says which operations follow each other,
//! and every exporter says it in its own way: with transposes, with shapes that six operations compute, with BatchNorm
//! folded or not. This module does not look for lists of operations. A reader evaluates the network once, operation by
//! operation, on a [`Value`] whose numbers are affine functions of the pixels; a square ends one linear map and begins the
//! next, with the squares as its variables. At the end there are three linear maps:
//!
//! ```text
//! pixels -A-> outputs of the convolution -square-> -B-> hidden units -square-> -C-> logits
//! ```
//!
//! All that is affine (scaled and offset inputs, padding, BatchNorm, average pooling, dropout, reordered axes) is in A, B
//! and C exactly, up to rounding in 64 bits. [`Trace::network`] then finds the kernel size, stride and padding with which
//! A is a convolution, and puts the columns of B into this project's order.

mod affine;
mod recognise;
mod refusal;
mod value;
mod window;

#[cfg(test)]
mod tests;

use ndarray::{ArrayD, IxDyn};

pub use refusal::Refusal;
pub use value::{Signal, Value};
pub use window::{BatchNorm, Windows};

use affine::Affine;

/// Pixels on a side of the largest image, which takes 64 MiB while a network is traced.
const MOST_SIDE: usize = 1024;

/// A network while it is traced: the linear maps that ended in a square so far.
#[derive(Debug, Default)]
pub struct Trace {
    /// Pixels on a side of the image.
    side: usize,
    /// What was squared first, second, and so on.
    squared: Vec<Vec<Affine>>,
}

impl Trace {
    /// The network's input, an image of `side` x `side` pixels, under the shape that the network gives it: one axis of size
    /// `side` for rows before one for columns, or one for all pixels, and any number of axes of size 1.
    ///
    /// # Errors
    /// If the shape is none of a square grey image.
    pub fn input(&mut self, shape: &[usize]) -> Result<Value, Refusal> {
        let sides: Vec<usize> = shape.iter().copied().filter(|&size| size != 1).collect();
        let side = match *sides.as_slice() {
            [rows, columns] if rows == columns => rows,
            [pixels] if pixels.isqrt().pow(2) == pixels => pixels.isqrt(),
            _ => {
                return Err(Refusal::new(format!(
                    "takes images of the shape {shape:?}; square grey images of one channel are supported, such as [1, 28, 28, 1] or \
                     [1, 1, 28, 28]"
                )));
            }
        };
        if !(1..=MOST_SIDE).contains(&side) {
            return Err(Refusal::new(format!(
                "takes images of {side} x {side} pixels, at most {MOST_SIDE} x {MOST_SIDE} are supported"
            )));
        }
        let count = side * side;
        let numbers = (0..count as u32).map(Affine::variable).collect();
        let numbers = ArrayD::from_shape_vec(IxDyn(shape), numbers)
            .map_err(|_| Refusal::new("takes images of an impossible shape"))?;
        self.side = side;
        Ok(Value::Signal(Signal { squares: 0, numbers, softmax: false }))
    }

    /// The square of every number.
    ///
    /// # Errors
    /// If a softmax or two squares lie before it.
    pub fn square(&mut self, value: &Value) -> Result<Value, Refusal> {
        let signal = match value {
            Value::Constant(numbers) => return Ok(Value::Constant(numbers * numbers)),
            Value::Signal(signal) => signal,
        };
        signal.check_open()?;
        if signal.squares == 2 {
            return Err(Refusal::new(
                "is a third square; this family of networks has two. What fits: convolution, square, dense, square, dense",
            ));
        }
        // The same value may be squared twice, where an exporter repeats an operation.
        let own: Vec<Affine> = signal.numbers.iter().cloned().collect();
        match self.squared.get(signal.squares) {
            None => self.squared.push(own),
            Some(earlier) if same(earlier, &own) => {}
            Some(_) => {
                return Err(Refusal::new(
                    "squares a second value beside another one; this family of networks has no branches",
                ));
            }
        }
        // In row-major order, as `squared` is: `map` would go by the order in memory, which a transpose leaves as it was.
        let squares = (0u32..).zip(&signal.numbers);
        let squares =
            squares.map(|(variable, number)| Affine { place: number.place, ..Affine::variable(variable) });
        let numbers = ArrayD::from_shape_vec(signal.numbers.raw_dim(), squares.collect())
            .map_err(|_| Refusal::new("squares a tensor of an impossible shape"))?;
        Ok(Value::Signal(Signal { squares: signal.squares + 1, numbers, softmax: false }))
    }

    /// The product of two values: a square where both are the same function of the image.
    ///
    /// # Errors
    /// If both depend on the image and differ, or their shapes do not fit.
    pub fn multiply(&mut self, left: &Value, right: &Value) -> Result<Value, Refusal> {
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

    /// The value to a constant power: 1 or 2.
    ///
    /// # Errors
    /// If it is another power of a value that depends on the image.
    pub fn power(&mut self, value: &Value, exponent: &Value) -> Result<Value, Refusal> {
        let exponent = exponent.as_constant()?;
        let all = |power: f64| exponent.iter().all(|&exponent| exponent == power);
        match value {
            Value::Constant(base) if exponent.len() == 1 => {
                let exponent = exponent.iter().next().copied().unwrap_or(1.0);
                Ok(Value::Constant(base.mapv(|base| base.powf(exponent))))
            }
            _ if all(1.0) => Ok(value.clone()),
            _ if all(2.0) => self.square(value),
            _ => Err(Refusal::not_a_square("a power other than the square")),
        }
    }
}

fn same(left: &[Affine], right: &[Affine]) -> bool {
    left.len() == right.len() && left.iter().zip(right).all(|(a, b)| a.same_function(b))
}
