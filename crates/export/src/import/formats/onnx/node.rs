//! A node with its inputs and attributes.

use std::rc::Rc;

use super::message;
use super::operand::Operand;
use crate::import::error::LayerError;
use crate::import::formats::symbolic::value::axis_index;

/// A node before its evaluation.
pub struct Node<'a> {
    /// The operator.
    pub operator: &'a str,
    /// The version of the standard operator set.
    pub opset: i64,
    /// The network's way to accept several images at once.
    pub batch: Batch,
    inputs: Vec<Option<Rc<Operand>>>,
    attributes: Vec<(&'a str, &'a message::Attribute)>,
}

/// A network's way to accept several images at once. Every network is traced with one image. Axis 0 of every tensor that depends on
/// the image must stay the batch, of size 1, because no operation may mix images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batch {
    /// One image: the input's shape has no batch, or one of size 1. Operations may move every axis.
    One,
    /// Any number of images.
    Open,
    /// A fixed number of images, at least 2. Exporters write it into the shapes that `Reshape` and `Expand` make.
    Fixed(usize),
}

impl<'a> Node<'a> {
    /// Creates a node of the operator `operator`.
    pub fn new(
        operator: &'a str,
        opset: i64,
        batch: Batch,
        inputs: Vec<Option<Rc<Operand>>>,
        attributes: Vec<(&'a str, &'a message::Attribute)>,
    ) -> Self {
        Self { operator, opset, batch, inputs, attributes }
    }

    /// Returns all inputs.
    ///
    /// # Errors
    /// If one is omitted.
    pub fn inputs(&self) -> Result<Vec<&Operand>, LayerError> {
        (0..self.inputs.len()).map(|index| self.input(index)).collect()
    }

    /// Returns an input, counted from 0.
    ///
    /// # Errors
    /// If it is omitted.
    pub fn input(&self, index: usize) -> Result<&Operand, LayerError> {
        self.optional(index).ok_or_else(|| LayerError::new(format!("has no input {index} (from 0)")))
    }

    /// Returns an input that may be omitted.
    pub fn optional(&self, index: usize) -> Option<&Operand> {
        self.inputs.get(index).and_then(Option::as_deref)
    }

    /// Returns whether an input depends on the image.
    pub fn has_signal(&self) -> bool {
        self.inputs.iter().flatten().any(|input| input.is_signal())
    }

    /// Checks that the node has no other attributes than `known`. An unknown attribute could change the result.
    ///
    /// # Errors
    /// If it has another attribute.
    pub fn allow(&self, known: &[&str]) -> Result<(), LayerError> {
        match self.attributes.iter().find(|(name, _)| !known.contains(name)) {
            None => Ok(()),
            Some((name, _)) => Err(LayerError::new(format!(
                "has the attribute {name:?}, which is not known of the operator {}; export with another version of the \
                 operator set",
                self.operator
            ))),
        }
    }

    /// Returns a whole number, if the node has the attribute.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn integer(&self, name: &str) -> Result<Option<i64>, LayerError> {
        Ok(self.attribute(name, 2)?.map(|attribute| attribute.i))
    }

    /// Returns a whole number that is 0 or 1, as a truth value.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn flag(&self, name: &str, default: bool) -> Result<bool, LayerError> {
        Ok(self.integer(name)?.map_or(default, |value| value != 0))
    }

    /// Returns a number.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn float(&self, name: &str) -> Result<Option<f64>, LayerError> {
        Ok(self.attribute(name, 1)?.map(|attribute| f64::from(attribute.f)))
    }

    /// Returns a list of numbers.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn floats(&self, name: &str) -> Result<Option<&'a [f32]>, LayerError> {
        Ok(self.attribute(name, 6)?.map(|attribute| &*attribute.floats))
    }

    /// Returns a list of whole numbers.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn integers(&self, name: &str) -> Result<Option<&'a [i64]>, LayerError> {
        Ok(self.attribute(name, 7)?.map(|attribute| &*attribute.ints))
    }

    /// Returns a text. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn text(&self, name: &str) -> Result<Option<String>, LayerError> {
        Ok(self.attribute(name, 3)?.map(|attribute| String::from_utf8_lossy(&attribute.s).into_owned()))
    }

    /// Returns a tensor.
    ///
    /// # Errors
    /// If the attribute is of another type.
    pub fn tensor(&self, name: &str) -> Result<Option<&'a message::Tensor>, LayerError> {
        Ok(self.attribute(name, 4)?.and_then(|attribute| attribute.t.as_deref()))
    }

    /// Returns whole numbers that are an attribute in older operator sets and an input in newer ones.
    ///
    /// # Errors
    /// If they depend on the image or are no whole numbers.
    pub fn integers_or_input(&self, name: &str, index: usize) -> Result<Option<Vec<i64>>, LayerError> {
        match self.integers(name)? {
            Some(numbers) => Ok(Some(numbers.to_vec())),
            None => self.optional(index).map(Operand::to_integers).transpose(),
        }
    }

    /// Returns axes of a tensor of `rank` axes, as [`integers_or_input`](Self::integers_or_input).
    ///
    /// # Errors
    /// If one does not exist or is named twice.
    pub fn axes(&self, index: usize, rank: usize) -> Result<Option<Vec<usize>>, LayerError> {
        let Some(numbers) = self.integers_or_input("axes", index)? else { return Ok(None) };
        let axes = numbers
            .iter()
            .map(|&number| axis_index(number, rank))
            .collect::<Result<Vec<usize>, LayerError>>()?;
        let mut sorted = axes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() != axes.len() {
            return Err(LayerError::new(format!("names an axis twice: {numbers:?}")));
        }
        Ok(Some(axes))
    }

    /// Returns an attribute whose value has the type `code`, or no type in the oldest files.
    fn attribute(&self, name: &str, code: i32) -> Result<Option<&'a message::Attribute>, LayerError> {
        let Some((_, attribute)) = self.attributes.iter().find(|(own, _)| *own == name) else {
            return Ok(None);
        };
        if attribute.r#type != code && attribute.r#type != 0 {
            return Err(LayerError::new(format!(
                "has the attribute {name:?} of the type {}, not {code}",
                attribute.r#type
            )));
        }
        Ok(Some(attribute))
    }
}

/// Refuses an operation that moves or mixes axis 0 of values that depend on the image, unless the axis is `kept`.
///
/// # Errors
/// If the network accepts several images at once.
pub fn keep_batch(node: &Node<'_>, kept: bool) -> Result<(), LayerError> {
    if kept || node.batch == Batch::One || !node.has_signal() {
        return Ok(());
    }
    Err(LayerError::new(
        "moves or mixes the images of a batch: axis 0 must stay the batch. Exporting the model with a batch of one fixed image avoids \
         this",
    ))
}
