//! The arguments of a node.

use std::collections::BTreeMap;

use super::schema::{Argument, Name, Node, SymInt};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::value::{Value, axis_index};

/// Largest size or position in a graph: no tensor of this family has more numbers.
const MAX_SIZE: i64 = 1 << 24;

/// The result of a node.
#[derive(Debug, Clone)]
pub enum NodeValue {
    /// A tensor.
    Tensor(Value),
    /// A whole number that follows from a shape.
    Number(i64),
}

/// The arguments of a node by their names in the operator's schema, with the results of the nodes before it.
#[derive(Debug)]
pub struct Operands<'a> {
    node: &'a Node,
    slots: &'a BTreeMap<String, NodeValue>,
    /// Size of the batch that the program was exported for, if it is fixed and not 1. The trace has one image, so
    /// this size becomes 1 in every shape of the program.
    pub batch: Option<i64>,
}

impl<'a> Operands<'a> {
    /// Creates the arguments of `node`.
    pub fn new(node: &'a Node, slots: &'a BTreeMap<String, NodeValue>, batch: Option<i64>) -> Self {
        Self { node, slots, batch }
    }

    /// Returns the operator, such as `aten.conv2d.default`.
    pub fn operator(&self) -> &'a str {
        self.node.operator()
    }

    /// Returns a tensor.
    ///
    /// # Errors
    /// If there is none.
    pub fn tensor(&self, name: &str) -> Result<&'a Value, LayerError> {
        self.optional_tensor(name)?.ok_or_else(|| LayerError::new(format!("has no argument {name:?}")))
    }

    /// Returns a tensor that may be omitted.
    ///
    /// # Errors
    /// If the argument is no tensor.
    pub fn optional_tensor(&self, name: &str) -> Result<Option<&'a Value>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsTensor(tensor)) => self.named(tensor).map(Some),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Returns several tensors.
    ///
    /// # Errors
    /// If the argument is no list of tensors.
    pub fn tensors(&self, name: &str) -> Result<Vec<Value>, LayerError> {
        match self.argument(name) {
            Some(Argument::AsTensors(tensors)) => {
                tensors.iter().map(|tensor| self.named(tensor).cloned()).collect()
            }
            _ => Err(unreadable(name)),
        }
    }

    /// Returns a tensor, or a number as a tensor.
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

    /// Returns a number; `None` if it is omitted.
    ///
    /// # Errors
    /// If the argument is no number.
    pub fn number(&self, name: &str) -> Result<Option<f64>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsFloat(number)) => Ok(Some(*number)),
            Some(Argument::AsInt(number)) => Ok(Some(*number as f64)),
            Some(Argument::AsSymInt(number)) => self.size(number).map(|number| Some(number as f64)),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Returns a whole number; `None` if it is omitted.
    ///
    /// # Errors
    /// If the argument is no whole number.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsInt(number)) => Ok(Some(*number)),
            Some(Argument::AsSymInt(number)) => self.size(number).map(Some),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Returns several whole numbers; none if they are omitted.
    ///
    /// # Errors
    /// If the argument is no list of whole numbers.
    pub fn integers(&self, name: &str) -> Result<Vec<i64>, LayerError> {
        match self.argument(name) {
            None => Ok(Vec::new()),
            Some(Argument::AsInt(number)) => Ok(vec![*number]),
            Some(Argument::AsInts(numbers)) => Ok(numbers.clone()),
            Some(Argument::AsSymInts(numbers)) => numbers.iter().map(|number| self.size(number)).collect(),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Returns sizes for rows and columns: `default` if they are omitted, the same for both if there is one.
    ///
    /// # Errors
    /// If the argument is no list of whole numbers, or a size is negative or impossibly large.
    pub fn sides(&self, name: &str, default: [usize; 2]) -> Result<[usize; 2], LayerError> {
        let sides = match *self.integers(name)?.as_slice() {
            [] => return Ok(default),
            [both] => [both, both],
            [rows, columns] => [rows, columns],
            ref more => return Err(LayerError::new(format!("has {} sizes as {name:?}, not 2", more.len()))),
        };
        Ok([positive(sides[0])?, positive(sides[1])?])
    }

    /// Returns a truth value; `default` if it is omitted.
    ///
    /// # Errors
    /// If the argument is no truth value.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, LayerError> {
        match self.argument(name) {
            None => Ok(default),
            Some(Argument::AsBool(flag)) => Ok(*flag),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Returns a word; `None` if it is omitted.
    ///
    /// # Errors
    /// If the argument is no word.
    pub fn word(&self, name: &str) -> Result<Option<&'a str>, LayerError> {
        match self.argument(name) {
            None => Ok(None),
            Some(Argument::AsString(word)) => Ok(Some(word)),
            Some(_) => Err(unreadable(name)),
        }
    }

    /// Returns the number of a `torch.dtype`; `None` if it is omitted.
    pub fn dtype(&self, name: &str) -> Option<u32> {
        match self.argument(name) {
            Some(Argument::AsScalarType(dtype)) => Some(*dtype),
            _ => None,
        }
    }

    /// Returns axes of a tensor of `axes` axes. Negative axes count from the end.
    ///
    /// # Errors
    /// If the argument is no list of whole numbers, or there is no such axis.
    pub fn axes(&self, name: &str, axes: usize) -> Result<Vec<usize>, LayerError> {
        self.integers(name)?.into_iter().map(|axis| axis_index(axis, axes)).collect()
    }

    /// Returns an axis of a tensor of `axes` axes; `default` if it is omitted.
    ///
    /// # Errors
    /// As `axes`.
    pub fn axis(&self, name: &str, axes: usize, default: i64) -> Result<usize, LayerError> {
        axis_index(self.integer(name)?.unwrap_or(default), axes)
    }

    fn argument(&self, name: &str) -> Option<&'a Argument> {
        let argument =
            self.node.inputs.iter().find(|argument| argument.name == name).map(|argument| &argument.arg);
        argument.filter(|argument| !matches!(argument, Argument::AsNone(_)))
    }

    fn named(&self, tensor: &Name) -> Result<&'a Value, LayerError> {
        match self.slots.get(&tensor.name) {
            Some(NodeValue::Tensor(value)) => Ok(value),
            _ => Err(LayerError::new(format!("reads a tensor {:?} that nothing makes", tensor.name))),
        }
    }

    fn size(&self, number: &SymInt) -> Result<i64, LayerError> {
        match number {
            SymInt::AsInt(number) => Ok(*number),
            SymInt::AsName(name) => match self.slots.get(name) {
                Some(NodeValue::Number(number)) => Ok(*number),
                _ => Err(LayerError::new(format!("reads a number {name:?} that nothing makes"))),
            },
        }
    }
}

/// Checks that a size is not negative.
pub fn positive(size: i64) -> Result<usize, LayerError> {
    let possible = usize::try_from(size).ok().filter(|_| size <= MAX_SIZE);
    possible.ok_or_else(|| LayerError::new(format!("has an impossible size of {size}")))
}

fn unreadable(name: &str) -> LayerError {
    LayerError::new(format!("has an argument {name:?} of a kind that cannot be read"))
}
