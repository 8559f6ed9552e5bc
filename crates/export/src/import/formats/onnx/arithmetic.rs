//! Arithmetic on tensors, elementwise or over axes.

use ndarray::Zip;

use super::node::{Node, keep_batch};
use super::operand::{Element, Operand, constant};
use super::tensor::{element, integer_range};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::Value;

/// Largest number of numbers in a range. Ranges are used for axes and sizes.
const MAX_RANGE: f64 = 65536.0;

/// Evaluates sum, difference, product, quotient and power.
pub fn binary(trace: &mut Trace, node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let (left, right) = (node.input(0)?, node.input(1)?);
    let rank = |operand: &Operand| operand.value.shape().len();
    for (signal, other) in [(left, right), (right, left)] {
        if signal.is_signal() {
            check_float(signal)?;
            // An axis in front of the batch would become the batch.
            keep_batch(node, rank(other) <= rank(signal))?;
        }
    }
    let integers = left.element == Element::Integer && right.element == Element::Integer;
    let value = match node.operator {
        "Add" => left.value.add(&right.value)?,
        "Sub" => left.value.subtract(&right.value)?,
        "Mul" => trace.multiply(&left.value, &right.value)?,
        "Pow" => trace.power(&left.value, &right.value)?,
        _ if integers => integer_quotient(&left.value, &right.value)?,
        _ => left.value.divide(&right.value)?,
    };
    Ok(Operand { value, element: if integers { Element::Integer } else { Element::Float } })
}

/// Returns the quotient of constant integers, rounded towards zero. A product with a reciprocal, as for other
/// numbers, would give 0.9999999999999999 for 49 / 49.
fn integer_quotient(left: &Value, right: &Value) -> Result<Value, LayerError> {
    if right.as_constant()?.iter().any(|&divisor| divisor == 0.0) {
        return Err(LayerError::new("divides by zero"));
    }
    let shape = left.add(right)?.shape().to_vec();
    let (left, right) = (left.broadcast(&shape)?, right.broadcast(&shape)?);
    let quotient = Zip::from(left.as_constant()?)
        .and(right.as_constant()?)
        .map_collect(|left, right| (left / right).trunc());
    Ok(Value::Constant(quotient))
}

/// Evaluates the negative.
pub fn negate(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let input = node.input(0)?;
    check_float(input)?;
    Ok(input.with(input.value.scale(&Value::scalar(-1.0))?))
}

/// Evaluates the mean or sum over axes.
pub fn reduce(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["axes", "keepdims", "noop_with_empty_axes"])?;
    let input = node.input(0)?;
    check_float(input)?;
    let rank = input.value.shape().len();
    let axes = match node.axes(1, rank)?.filter(|axes| !axes.is_empty()) {
        Some(axes) => axes,
        None if node.flag("noop_with_empty_axes", false)? => return Ok(input.clone()),
        None => (0..rank).collect(),
    };
    keep_batch(node, !axes.contains(&0))?;
    let reduced =
        if node.operator == "ReduceMean" { input.value.mean(&axes)? } else { input.value.sum(&axes)? };
    let reduced = match (&reduced, input.element) {
        (Value::Constant(numbers), Element::Integer) => Value::Constant(numbers.mapv(f64::trunc)),
        _ => reduced,
    };
    if node.flag("keepdims", true)? {
        return Ok(input.with(reduced));
    }
    let sizes = reduced.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis));
    let shape: Vec<usize> = sizes.map(|(_, &size)| size).collect();
    Ok(input.with(reduced.reshape(&shape)?))
}

/// Evaluates functions of constants, which exporters do not always fold.
pub fn constant_unary(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let input = node.input(0)?;
    let function = if node.operator == "Sqrt" { f64::sqrt } else { f64::recip };
    input.map(input.element, function)
}

/// Evaluates whether constants are equal, elementwise.
pub fn equal(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let difference = node.input(0)?.value.subtract(&node.input(1)?.value)?;
    Operand { value: difference, element: Element::Bool }
        .map(Element::Bool, |difference| f64::from(u8::from(difference == 0.0)))
}

/// Evaluates the choice between constants: those of the second input where the first is true, of the third elsewhere.
pub fn choose(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let (condition, yes, no) = (node.input(0)?, node.input(1)?, node.input(2)?);
    // The sum only determines the common shape.
    let shape = condition.value.add(&yes.value)?.add(&no.value)?.shape().to_vec();
    let [condition, first, second] = [condition, yes, no].map(|operand| operand.value.broadcast(&shape));
    let (condition, first, second) = (condition?, first?, second?);
    let numbers = Zip::from(condition.as_constant()?)
        .and(first.as_constant()?)
        .and(second.as_constant()?)
        .map_collect(|&condition, &yes, &no| if condition != 0.0 { yes } else { no });
    Ok(yes.with(Value::Constant(numbers)))
}

/// Evaluates the numbers from a start to before a limit.
pub fn range(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&[])?;
    let start = node.input(0)?;
    let (first, limit, step) = (start.to_scalar()?, node.input(1)?.to_scalar()?, node.input(2)?.to_scalar()?);
    let count = ((limit - first) / step).ceil();
    if !count.is_finite() || count > MAX_RANGE {
        return Err(LayerError::new(format!(
            "makes a range from {first} to {limit} in steps of {step}, which is too long"
        )));
    }
    // The cast turns negative counts into 0.
    let count = count as usize;
    Ok(start.with(constant(&[count], (0..count).map(|index| first + index as f64 * step).collect())?))
}

/// Evaluates a change of the type of numbers.
pub fn cast(node: &Node<'_>) -> Result<Operand, LayerError> {
    node.allow(&["to", "saturate", "round_mode"])?;
    let input = node.input(0)?;
    let to = node.integer("to")?.and_then(|to| i32::try_from(to).ok()).unwrap_or(0);
    let element = element(to).map_err(|_| {
        LayerError::new(format!("changes its input to the type {to}, which is not a type of floating-point numbers, integers or truth values"))
    })?;
    if input.is_signal() {
        return match (input.element, element) {
            // Rounding to a narrower floating-point type is left out, because the file's weights are more precise.
            (_, Element::Float) => Ok(Operand { value: input.value.clone(), element }),
            (from, to) if from == to => Ok(input.clone()),
            _ => Err(LayerError::not_a_square("a rounding of values that depend on the image to integers")),
        };
    }
    match element {
        Element::Float => Ok(Operand { value: input.value.clone(), element }),
        Element::Bool => input.map(element, |number| f64::from(u8::from(number != 0.0))),
        Element::Integer => {
            // Constants are rounded towards zero.
            let cut = input.map(element, f64::trunc)?;
            let (least, most) = integer_range(to).unwrap_or_default();
            match cut.value.as_constant()?.iter().find(|number| !(least..=most).contains(*number)) {
                None => Ok(cut),
                Some(number) => Err(LayerError::new(format!(
                    "changes {number} to an integer of the type {to}, which cannot hold it"
                ))),
            }
        }
    }
}

/// Refuses images of integers, whose sums may wrap around, which no affine function does.
fn check_float(operand: &Operand) -> Result<(), LayerError> {
    if operand.is_signal() && operand.element != Element::Float {
        return Err(LayerError::new(
            "computes with an image of integers, which may wrap around; the network must turn its image into floating-point numbers \
             first",
        ));
    }
    Ok(())
}
