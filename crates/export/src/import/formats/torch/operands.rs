//! The arguments of a node.

use std::collections::BTreeMap;

use super::schema::{Argument, Name, Node, SymInt};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::value::Value;

/// Sizes and positions in a graph are at most this: no tensor of this family has more numbers.
const MOST_SIZE: i64 = 1 << 24;

/// The result of a node.
#[derive(Debug, Clone)]
pub enum Slot {
    /// A tensor.
    Tensor(Value),
    /// A whole number that follows from a shape.
    Number(i64),
}

/// The arguments of a node by their names in the operator's schema, with the results of the nodes before it.
#[derive(Debug)]
pub struct Operands<'a> {
    node: &'a Node,
    slots: &'a BTreeMap<String, Slot>,
    /// Size of the batch that the program was exported for, where it is fixed and not 1. The trace has one image, so
    /// this size becomes 1 wherever the program asks for a shape.
    pub batch: Option<i64>,
}

impl<'a> Operands<'a> {
    /// The arguments of `node`.
    pub fn new(node: &'a Node, slots: &'a BTreeMap<String, Slot>, batch: Option<i64>) -> Self {
        Self { node, slots, batch }
    }

    /// The operator, such as `aten.conv2d.default`.
    pub fn operator(&self) -> &'a str {
        self.node.operator()
    }

    /// A tensor.
    ///
    /// # Errors
    /// If there is none.
    pub fn tensor(&self, name: &str) -> Result<&'a Value, LayerError> {
        self.optional_tensor(name)?.ok_or_else(|| LayerError::new(format!("has no argument {name:?}")))
    }

    /// A tensor that may be left out.
    ///
    /// # Errors
    /// If there is something else in its place.
    pub fn optional_tensor(&self, name: &str) -> Result<Option<&'a Value>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsTensor(tensor)) => self.named(tensor).map(Some),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Several tensors.
    ///
    /// # Errors
    /// If there is something else in their place.
    pub fn tensors(&self, name: &str) -> Result<Vec<Value>, LayerError> {
        match self.argument(name) {
            Some(Argument::AsTensors(tensors)) => {
                tensors.iter().map(|tensor| self.named(tensor).cloned()).collect()
            }
            _ => Err(unreadable(name)),
        }
    }

    /// A tensor, or a number as one.
    ///
    /// # Errors
    /// If there is neither.
    pub fn tensor_or_number(&self, name: &str) -> Result<Value, LayerError> {
        match self.argument(name) {
            Some(Argument::AsTensor(tensor)) => self.named(tensor).cloned(),
            _ => self
                .number(name)?
                .map(Value::scalar)
                .ok_or_else(|| LayerError::new(format!("has no argument {name:?}"))),
        }
    }

    /// A number, unless it is left out.
    ///
    /// # Errors
    /// If there is something else in its place.
    pub fn number(&self, name: &str) -> Result<Option<f64>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsFloat(number)) => Ok(Some(*number)),
            Some(Argument::AsInt(number)) => Ok(Some(*number as f64)),
            Some(Argument::AsSymInt(number)) => self.size(number).map(|number| Some(number as f64)),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// A whole number, unless it is left out.
    ///
    /// # Errors
    /// If there is something else in its place.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsInt(number)) => Ok(Some(*number)),
            Some(Argument::AsSymInt(number)) => self.size(number).map(Some),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Several whole numbers, none where they are left out.
    ///
    /// # Errors
    /// If there is something else in their place.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, LayerError> {
        match self.argument(name) {
            None => Ok(Vec::new()),
            Some(Argument::AsInt(number)) => Ok(vec![*number]),
            Some(Argument::AsInts(numbers)) => Ok(numbers.clone()),
            Some(Argument::AsSymInts(numbers)) => numbers.iter().map(|number| self.size(number)).collect(),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Sizes for rows and columns; `default` where they are left out, one for both where there is one.
    ///
    /// # Errors
    /// If there is something else in their place, or they are negative or impossibly large.
    pub fn sides(&self, name: &str, default: [usize; 2]) -> Result<[usize; 2], LayerError> {
        let sides = match *self.integers(name)?.as_slice() {
            [] => return Ok(default),
            [both] => [both, both],
            [rows, columns] => [rows, columns],
            ref more => return Err(LayerError::new(format!("has {} sizes as {name:?}, not 2", more.len()))),
        };
        Ok([positive(sides[0])?, positive(sides[1])?])
    }

    /// Yes or no; `default` where it is left out.
    ///
    /// # Errors
    /// If there is something else in its place.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, LayerError> {
        match self.argument(name) {
            None => Ok(default),
            Some(Argument::AsBool(flag)) => Ok(*flag),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// A word, unless it is left out.
    ///
    /// # Errors
    /// If there is something else in its place.
    pub fn word(&self, name: &str) -> Result<Option<&'a str>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsString(word)) => Ok(Some(word)),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// The number of a `torch.dtype`, unless it is left out.
    pub fn dtype(&self, name: &str) -> Option<u32> {
        match self.argument(name) {
            Some(Argument::AsScalarType(dtype)) => Some(*dtype),
            _ => None,
        }
    }

    /// Axes of a tensor of `axes` axes, counted from the end where they are negative.
    ///
    /// # Errors
    /// If there is something else in their place, or no such axis.
    pub fn axes(&self, name: &str, axes: usize) -> Result<Vec<usize>, LayerError> {
        self.integers(name)?.into_iter().map(|axis| position(axis, axes)).collect()
    }

    /// An axis of a tensor of `axes` axes; `default` where it is left out.
    ///
    /// # Errors
    /// As `axes`.
    pub fn axis(&self, name: &str, axes: usize, default: i64) -> Result<usize, LayerError> {
        position(self.integer(name)?.unwrap_or(default), axes)
    }

    fn argument(&self, name: &str) -> Option<&'a Argument> {
        let argument =
            self.node.inputs.iter().find(|argument| argument.name == name).map(|argument| &argument.arg);
        argument.filter(|argument| !matches!(argument, Argument::AsNone(_)))
    }

    fn named(&self, tensor: &Name) -> Result<&'a Value, LayerError> {
        match self.slots.get(&tensor.name) {
            Some(Slot::Tensor(value)) => Ok(value),
            _ => Err(LayerError::new(format!("reads a tensor {:?} that nothing makes", tensor.name))),
        }
    }

    fn size(&self, number: &SymInt) -> Result<i64, LayerError> {
        match number {
            SymInt::AsInt(number) => Ok(*number),
            SymInt::AsName(name) => match self.slots.get(name) {
                Some(Slot::Number(number)) => Ok(*number),
                _ => Err(LayerError::new(format!("reads a number {name:?} that nothing makes"))),
            },
        }
    }
}

/// The index of an axis, which counts from the end where it is negative.
pub fn position(axis: i64, axes: usize) -> Result<usize, LayerError> {
    let from_end = if axis < 0 { axis.checked_add(axes as i64) } else { Some(axis) };
    let index = from_end.and_then(|index| usize::try_from(index).ok()).filter(|&index| index < axes);
    index.ok_or_else(|| LayerError::new(format!("names the axis {axis} of a tensor with {axes}")))
}

/// A size that is not negative.
pub fn positive(size: i64) -> Result<usize, LayerError> {
    let possible = usize::try_from(size).ok().filter(|_| size <= MOST_SIZE);
    possible.ok_or_else(|| LayerError::new(format!("has an impossible size of {size}")))
}

fn unreadable(name: &str) -> LayerError {
    LayerError::new(format!("has an argument {name:?} of a kind that cannot be read"))
}
