//! Operators that move numbers: shapes, orders of axes, and parts.

use super::operands::{Operands, positive};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::value::{Value, axis_index};

/// Returns the value with its axes reversed.
///
/// # Errors
/// If the axes cannot be reversed.
pub fn transposed(value: &Value) -> Result<Value, LayerError> {
    value.transpose(&(0..value.shape().len()).rev().collect::<Vec<_>>())
}

/// Evaluates a move of some axes; the rest keep their order.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn moved(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let axes = value.shape().len();
    let (sources, destinations) = (node.axes("source", axes)?, node.axes("destination", axes)?);
    let mut rest = (0..axes).filter(|axis| !sources.contains(axis));
    let source_of = |axis: usize| destinations.iter().position(|&destination| destination == axis);
    let order = (0..axes).filter_map(|axis| match source_of(axis) {
        Some(index) => sources.get(index).copied(),
        None => rest.next(),
    });
    value.transpose(&order.collect::<Vec<_>>())
}

/// Evaluates another shape of the same numbers, in which one size may be open.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn reshaped(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let name = if node.operator() == "aten.reshape.default" { "shape" } else { "size" };
    let sizes = node.integers(name)?;
    let count: usize = value.shape().iter().product();
    let batch_of_one = node.batch.filter(|&batch| sizes.first() == Some(&batch)).map(|_| {
        let rest = sizes.iter().skip(1).copied();
        std::iter::once(1).chain(rest).collect::<Vec<i64>>()
    });
    let shape = batch_of_one.and_then(|sizes| inferred(&sizes, count)).or_else(|| inferred(&sizes, count));
    let shape = shape.ok_or_else(|| {
        LayerError::new(format!("cannot turn the shape {:?} into {sizes:?}", value.shape()))
    })?;
    value.reshape(&shape)
}

/// Returns the shape for `count` numbers, in which at most one size is -1.
fn inferred(sizes: &[i64], count: usize) -> Option<Vec<usize>> {
    let known = sizes.iter().filter(|&&size| size != -1);
    let product =
        known.clone().try_fold(1usize, |product, &size| product.checked_mul(usize::try_from(size).ok()?))?;
    let open = sizes.len() - known.count();
    let fits =
        if open == 0 { product == count } else { open == 1 && product > 0 && count.is_multiple_of(product) };
    let shape = sizes
        .iter()
        .map(|&size| if size == -1 { Some(count / product.max(1)) } else { usize::try_from(size).ok() });
    shape.collect::<Option<Vec<_>>>().filter(|_| fits)
}

/// Evaluates the join of neighbouring axes.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn flattened(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let shape = value.shape();
    let start = node.axis("start_dim", shape.len(), 0)?;
    let end = node.axis("end_dim", shape.len(), -1)?;
    let (Some(before), Some(inside), Some(behind)) =
        (shape.get(..start), shape.get(start..=end), shape.get(end + 1..))
    else {
        return Err(LayerError::new(format!("flattens the axes {start} to {end} of the shape {shape:?}")));
    };
    let flat = [before, &[inside.iter().product()], behind].concat();
    value.reshape(&flat)
}

/// Evaluates the repetition of axes of size 1.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn expanded(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let sizes = node.integers("size")?;
    let new = sizes.len().saturating_sub(value.shape().len());
    let shape = sizes.iter().enumerate().map(|(axis, &size)| {
        let own = axis.checked_sub(new).and_then(|own| value.shape().get(own));
        match own {
            Some(&own) if size == -1 => Ok(own),
            _ if axis == 0 && node.batch == Some(size) => Ok(1),
            _ => positive(size),
        }
    });
    value.broadcast(&shape.collect::<Result<Vec<_>, _>>()?)
}

/// Evaluates the removal of axes of size 1: all of them, or the named ones.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn squeezed(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let named = node.axes("dim", value.shape().len())?;
    // A program for one image at a time may drop all such axes. A program that was exported for a fixed batch keeps
    // the first.
    let drops = |axis: usize| match node.operator() {
        "aten.squeeze.default" => !(axis == 0 && node.batch.is_some()),
        _ => named.contains(&axis),
    };
    let kept = value
        .shape()
        .iter()
        .enumerate()
        .filter(|&(axis, &size)| size != 1 || !drops(axis))
        .map(|(_, &size)| size);
    value.reshape(&kept.collect::<Vec<_>>())
}

/// Evaluates a range of an axis.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn sliced(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let axis = node.axis("dim", value.shape().len(), 0)?;
    let size = value.shape().get(axis).copied().unwrap_or(0) as i64;
    let bound = |given: Option<i64>, default: i64| {
        let given = given.unwrap_or(default);
        (if given < 0 { given.saturating_add(size) } else { given }).clamp(0, size)
    };
    let (start, end) = (bound(node.integer("start")?, 0), bound(node.integer("end")?, size));
    value.slice(axis, positive(start)?, positive(end)?, positive(node.integer("step")?.unwrap_or(1))?)
}

/// Evaluates one index of an axis, and removes that axis.
///
/// # Errors
/// If the arguments do not fit the value's shape.
pub fn selected(node: &Operands<'_>) -> Result<Value, LayerError> {
    let value = node.tensor("self")?;
    let axis = node.axis("dim", value.shape().len(), 0)?;
    let mut shape = value.shape().to_vec();
    let index = axis_index(node.integer("index")?.unwrap_or(0), shape.get(axis).copied().unwrap_or(0))?;
    let part = value.slice(axis, index, index + 1, 1)?;
    shape.remove(axis);
    part.reshape(&shape)
}
