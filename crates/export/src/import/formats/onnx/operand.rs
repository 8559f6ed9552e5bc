//! Tensors of a graph during its evaluation, with the kind of their numbers.

use ndarray::{ArrayD, IxDyn};

use crate::import::error::LayerError;
use crate::import::formats::symbolic::value::Value;

/// The kind of a tensor's numbers, as far as operators distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Element {
    /// Floating-point numbers of any width, evaluated in 64 bits.
    Float,
    /// Integers of any width, evaluated in 64-bit floating point. This is exact up to 2^53, far above every size of
    /// an axis. `Slice` marks the end of an axis with the largest 64-bit integers, which are beyond every axis even
    /// after rounding.
    Integer,
    /// Truth values, 0 and 1.
    Bool,
}

/// A tensor and the kind of its numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Operand {
    /// The numbers.
    pub value: Value,
    /// The kind of the numbers.
    pub element: Element,
}

impl Operand {
    /// Creates a constant list of integers.
    pub fn integers(numbers: &[i64]) -> Self {
        let numbers: Vec<f64> = numbers.iter().map(|&number| number as f64).collect();
        Self { value: Value::Constant(ndarray::Array1::from(numbers).into_dyn()), element: Element::Integer }
    }

    /// Returns another value with numbers of the same kind.
    pub fn with(&self, value: Value) -> Self {
        Self { value, element: self.element }
    }

    /// Returns whether the numbers depend on the image.
    pub fn is_signal(&self) -> bool {
        matches!(self.value, Value::Signal(_))
    }

    /// Returns the numbers as a list of integers.
    ///
    /// # Errors
    /// If they depend on the image, or are no integers.
    pub fn to_integers(&self) -> Result<Vec<i64>, LayerError> {
        let numbers = self.value.as_constant()?;
        if self.element != Element::Integer {
            return Err(LayerError::new("reads sizes or axes that are not integers"));
        }
        Ok(numbers.iter().map(|&number| number as i64).collect())
    }

    /// Returns the only number of a constant.
    ///
    /// # Errors
    /// If it depends on the image, or there are more or fewer numbers.
    pub fn to_scalar(&self) -> Result<f64, LayerError> {
        let numbers = self.value.as_constant()?;
        match (numbers.len(), numbers.first()) {
            (1, Some(&number)) => Ok(number),
            (count, _) => Err(LayerError::new(format!("reads {count} numbers where it needs one"))),
        }
    }

    /// Applies a function to constants, elementwise.
    ///
    /// # Errors
    /// If the numbers depend on the image.
    pub fn map(&self, element: Element, number: impl FnMut(f64) -> f64) -> Result<Self, LayerError> {
        Ok(Self { value: Value::Constant(self.value.as_constant()?.mapv(number)), element })
    }
}

/// Creates a constant of a shape.
///
/// # Errors
/// If the shape has another number of numbers.
pub fn constant(shape: &[usize], numbers: Vec<f64>) -> Result<Value, LayerError> {
    let count = numbers.len();
    ArrayD::from_shape_vec(IxDyn(shape), numbers)
        .map(Value::Constant)
        .map_err(|_| LayerError::new(format!("has {count} numbers for the shape {shape:?}")))
}
