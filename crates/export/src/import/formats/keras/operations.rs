//! Operations of functional models: those of Keras 3 (`keras.ops`, operators between tensors), of TensorFlow in Keras
//! 2 (`TFOpLambda`), and layers that join several tensors.

use serde_json::Value as Json;

use super::layer_config::{Layer, integers};
use crate::import::error::LayerError;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::{Value, axis_index};

/// Evaluates an operation on its operands; `None` if the class is no operation.
pub fn apply(trace: &mut Trace, layer: &Layer<'_>, operands: &[Value]) -> Option<Result<Value, LayerError>> {
    let operation = match layer.class {
        "TFOpLambda" => layer.argument("function").and_then(Json::as_str).unwrap_or_default(),
        "SlicingOpLambda" | "TensorFlowOpLayer" | "ClassMethod" | "InstanceMethod" | "InstanceProperty" => {
            return Some(Err(LayerError::new(format!(
                "is an operation of TensorFlow outside Keras ({}), which is not supported",
                layer.class
            ))));
        }
        // These layers share their names with operations, but have other arguments.
        "Reshape" if layer.argument("target_shape").is_some() => return None,
        "Softmax" | "Flatten" => return None,
        class => class,
    };
    let result = match (operation, operands) {
        ("Multiply" | "math.multiply" | "multiply" | "__operators__.mul", [first, rest @ ..]) => {
            rest.iter().try_fold(first.clone(), |product, factor| trace.multiply(&product, factor))
        }
        ("Square" | "math.square" | "square", [value]) => trace.square(value),
        ("Power" | "math.pow" | "pow" | "__operators__.pow", [base, exponent]) => trace.power(base, exponent),
        ("Add" | "math.add" | "add" | "__operators__.add", [first, rest @ ..]) => {
            rest.iter().try_fold(first.clone(), |sum, term| sum.add(term))
        }
        ("Subtract" | "math.subtract" | "subtract" | "__operators__.sub", [left, right]) => {
            left.subtract(right)
        }
        (
            "Divide" | "TrueDivide" | "math.divide" | "math.truediv" | "truediv" | "__operators__.truediv",
            [left, right],
        ) => left.divide(right),
        ("Negative" | "math.negative" | "negative" | "__operators__.neg", [value]) => {
            value.scale(&Value::scalar(-1.0))
        }
        ("Average", [first, rest @ ..]) => rest
            .iter()
            .try_fold(first.clone(), |sum, term| sum.add(term))
            .and_then(|sum| sum.divide(&Value::scalar(operands.len() as f64))),
        ("Concatenate", [first, ..]) => {
            let own = layer.argument("axis").and_then(Json::as_i64).unwrap_or(-1);
            axis_index(own, first.shape().len()).and_then(|axis| Value::concatenate(axis, operands))
        }
        ("Identity" | "identity" | "stop_gradient", [value]) => Ok(value.clone()),
        ("Reshape", [value]) => {
            let target = layer.argument("newshape").unwrap_or(&Json::Null);
            // The batch's own size may be written as an open size.
            match integers(target) {
                Some(sizes) => reshape(value, &sizes),
                None => Err(layer.unreadable("newshape", target)),
            }
        }
        ("Transpose", [value]) => {
            let axes = layer.argument("axes").and_then(integers);
            let axes = axes.and_then(|axes| {
                axes.iter().map(|&axis| usize::try_from(axis).ok()).collect::<Option<Vec<_>>>()
            });
            match axes {
                Some(order) => value.transpose(&order),
                None => Err(layer.unreadable("axes", layer.config)),
            }
        }
        ("Mean" | "Sum", [value]) => reduce(layer, value, operation == "Mean"),
        _ if layer.class == "TFOpLambda" => Err(LayerError::new(format!(
            "is TensorFlow's {operation:?} of {} operands, which is not supported; squares, sums, differences, products and quotients by constants are",
            operands.len()
        ))),
        _ => return None,
    };
    Some(result)
}

/// Returns the sum or mean over axes.
fn reduce(layer: &Layer<'_>, value: &Value, mean: bool) -> Result<Value, LayerError> {
    let rank = value.shape().len();
    let own =
        layer.argument("axis").and_then(integers).ok_or_else(|| layer.unreadable("axis", layer.config))?;
    let axes = own.iter().map(|&own| axis_index(own, rank)).collect::<Result<Vec<_>, _>>()?;
    let reduced = if mean { value.mean(&axes)? } else { value.sum(&axes)? };
    if layer.flag("keepdims", false) {
        return Ok(reduced);
    }
    let kept =
        reduced.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, &size)| size);
    reduced.reshape(&kept.collect::<Vec<_>>())
}

/// Returns the numbers under another shape, in which one size may be -1: the remaining numbers.
pub fn reshape(value: &Value, sizes: &[i64]) -> Result<Value, LayerError> {
    let misfit = || LayerError::new(format!("cannot turn the shape {:?} into {sizes:?}", value.shape()));
    let count: usize = value.shape().iter().product();
    let known = sizes.iter().filter(|&&size| size != -1).try_fold(1usize, |product, &size| {
        usize::try_from(size).ok().and_then(|size| product.checked_mul(size))
    });
    let known = known.filter(|&known| known > 0).ok_or_else(misfit)?;
    let shape: Option<Vec<usize>> = sizes
        .iter()
        .map(|&size| if size == -1 { Some(count / known) } else { usize::try_from(size).ok() })
        .collect();
    value.reshape(&shape.ok_or_else(misfit)?)
}
