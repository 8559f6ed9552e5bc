//! Operators whose values are in the file.

use super::node::Node;
use super::operand::{Element, Operand, constant as shaped};
use super::tensor::Storage;
use crate::import::error::{ImportError, LayerError};
use crate::import::formats::symbolic::value::Value;

/// Reads the value of `Constant`, which may be in several attributes.
///
/// # Errors
/// If there is none, or it holds no numbers.
pub fn constant(
    node: &Node<'_>,
    name: &str,
    file: &str,
    storage: &mut Storage<'_>,
) -> Result<Operand, ImportError> {
    let at = |refusal: LayerError| refusal.at(file, name);
    node.allow(&["value", "value_float", "value_floats", "value_int", "value_ints"]).map_err(at)?;
    if let Some(tensor) = node.tensor("value").map_err(at)? {
        return storage.operand(tensor, name);
    }
    listed(node).map_err(at)
}

/// Returns the value of `Constant` if it is a number or a list of numbers.
fn listed(node: &Node<'_>) -> Result<Operand, LayerError> {
    if let Some(number) = node.float("value_float")? {
        return Ok(Operand { value: Value::scalar(number), element: Element::Float });
    }
    if let Some(number) = node.integer("value_int")? {
        return Ok(Operand { value: Value::scalar(number as f64), element: Element::Integer });
    }
    if let Some(numbers) = node.integers("value_ints")? {
        return Ok(Operand::integers(numbers));
    }
    if let Some(numbers) = node.floats("value_floats")? {
        let numbers: Vec<f64> = numbers.iter().copied().map(f64::from).collect();
        return Ok(Operand { value: shaped(&[numbers.len()], numbers)?, element: Element::Float });
    }
    Err(LayerError::new("is a constant without a value"))
}

/// Evaluates `ConstantOfShape`, which repeats one number.
///
/// # Errors
/// If its shape depends on the image or is too large.
pub fn filled(
    node: &Node<'_>,
    name: &str,
    file: &str,
    storage: &mut Storage<'_>,
) -> Result<Operand, ImportError> {
    let at = |refusal: LayerError| refusal.at(file, name);
    node.allow(&["value"]).map_err(at)?;
    let fill = node.tensor("value").map_err(at)?.map(|tensor| storage.operand(tensor, name)).transpose()?;
    repeated(node, fill.as_ref()).map_err(at)
}

/// Returns a constant of one number everywhere.
fn repeated(node: &Node<'_>, fill: Option<&Operand>) -> Result<Operand, LayerError> {
    let shape = node.input(0)?.to_integers()?;
    let shape: Option<Vec<usize>> = shape.into_iter().map(|size| usize::try_from(size).ok()).collect();
    let shape = shape.ok_or_else(|| LayerError::new("makes a tensor of a negative size"))?;
    let (number, element) = match fill {
        Some(fill) => (fill.to_scalar()?, fill.element),
        None => (0.0, Element::Float),
    };
    let one = Operand { value: shaped(&[], vec![number])?, element };
    Ok(one.with(one.value.broadcast(&shape)?))
}
