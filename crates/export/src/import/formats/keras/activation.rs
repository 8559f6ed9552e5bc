//! Activation functions, which Keras saves by name or as compiled Python code.

use serde_json::Value as Json;

use crate::import::error::LayerError;
use crate::import::formats::symbolic::trace::Trace;
use crate::import::formats::symbolic::value::Value;

use super::bytecode;

/// An activation function in a configuration.
pub enum Function<'a> {
    /// A function by its name, without the package that it is registered in.
    Name(&'a str),
    /// A lambda, with its compiled code in base64 if the file has it.
    Lambda(Option<&'a str>),
    /// A layer that is used as a function.
    Layer(&'a Json),
}

/// Keras' own activations that are neither affine nor squares.
const NOT_SQUARES: [&str; 25] = [
    "relu",
    "relu6",
    "leaky_relu",
    "prelu",
    "elu",
    "celu",
    "selu",
    "gelu",
    "glu",
    "silu",
    "swish",
    "mish",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "hard_tanh",
    "hard_shrink",
    "soft_shrink",
    "tanh_shrink",
    "softplus",
    "softsign",
    "exponential",
    "log_sigmoid",
];

impl<'a> Function<'a> {
    /// Parses the value of a field; `None` if it has none of the forms that Keras has written since 2.0.
    pub fn new(value: &'a Json) -> Option<Self> {
        if let Some(name) = value.as_str() {
            return Some(Self::named(name));
        }
        // A lambda: [code, default arguments, closure].
        if let Some(list) = value.as_array() {
            return Some(Self::Lambda(list.first().and_then(Json::as_str)));
        }
        let config = value.get("config");
        match value.get("class_name").and_then(Json::as_str) {
            Some("function") => config.and_then(Json::as_str).map(Self::named),
            Some("__lambda__") => {
                let config = config?;
                let code =
                    config.get("code").or_else(|| config.get("value")?.get(0)).or_else(|| config.get(0));
                Some(Self::Lambda(code.and_then(Json::as_str)))
            }
            Some(_) => Some(Self::Layer(value)),
            // Keras 3.15 drops the class of a lambda.
            None => value.get("value").map(|list| Self::Lambda(list.get(0).and_then(Json::as_str))),
        }
    }

    fn named(name: &'a str) -> Self {
        if name.ends_with("<lambda>") {
            return Self::Lambda(None);
        }
        Self::Name(name.rsplit('>').next().unwrap_or(name))
    }
}

/// Applies a function to a value. Adds assumptions and omissions to `remarks`.
///
/// # Errors
/// If the function is neither affine nor a square, or the file does not contain it.
pub fn apply(
    trace: &mut Trace,
    value: &Value,
    function: &Function<'_>,
    layer: &str,
    remarks: &mut Vec<String>,
) -> Result<Value, LayerError> {
    match function {
        Function::Name("linear" | "identity") => Ok(value.clone()),
        Function::Name("square") => trace.square(value),
        Function::Name("softmax" | "log_softmax") => {
            remarks.push(format!("the softmax of the layer {layer:?} is left out: it changes no prediction"));
            value.softmax()
        }
        Function::Name(name) if NOT_SQUARES.contains(name) => {
            Err(LayerError::not_a_square(&format!("followed by its activation {name:?}")))
        }
        Function::Name(name) if name.to_lowercase().contains("square") => {
            remarks.push(format!(
                "the activation of the layer {layer:?} is the Python function {name:?}, of which the file only holds the name; it is read as x * x"
            ));
            trace.square(value)
        }
        Function::Name(name) => Err(LayerError::new(format!(
            "has the activation {name:?}, of which the file only holds the name. If it is x * x, save the model with \
             `keras.ops.square` (Keras 2: `tf.square`) in its place, or with a function whose name contains \"square\""
        ))),
        Function::Lambda(code) => {
            if let Some(result) = code.and_then(|code| bytecode::evaluate(code, trace, value)) {
                return result.map_err(|refusal| {
                    LayerError::new(format!("has a lambda as its activation, which {refusal}"))
                });
            }
            remarks.push(format!(
                "the activation of the layer {layer:?} is Python code that is not executed (a lambda); it is read as x * x"
            ));
            trace.square(value)
        }
        Function::Layer(_) => Err(LayerError::new("has an activation that is not understood")),
    }
}
