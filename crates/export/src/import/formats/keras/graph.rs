//! Evaluation of models as chains (Sequential) and graphs (Functional), nested or not.

use std::collections::HashMap;

use serde_json::Value as Json;

use super::layer_config::{Layer, constants};
use super::layers::LayerEvaluator;
use super::weight_store::WeightLocation;
use crate::import::error::{ImportError, LayerError};
use crate::import::formats::symbolic::value::Value;

/// Largest number of layers of a model, and of calls of layers. Networks of this family have fewer than 20.
const MAX_LAYERS: usize = 256;

/// A call of a layer: the layer's name, and the number of its calls before.
type Call = (String, usize);

/// The evaluation of the models of a file.
pub struct ModelEvaluator<'a> {
    /// The file's name in errors.
    pub file: &'a str,
    pub context: LayerEvaluator<'a>,
}

/// Returns whether a layer is a model of layers.
pub fn is_model(layer: &Layer<'_>) -> bool {
    matches!(layer.class, "Sequential" | "Functional" | "Model") && !layer.is_custom()
}

/// Returns the layers of a model. Keras before 2.2.3 saved those of a chain as a bare list.
///
/// # Errors
/// If there are none, or more than a network of this family has.
pub fn layers<'a>(model: &Layer<'a>) -> Result<Vec<Layer<'a>>, LayerError> {
    let list = model.config.get("layers").unwrap_or(model.config).as_array();
    let list = list.ok_or_else(|| LayerError::new("is a model without layers"))?;
    if list.is_empty() || list.len() > MAX_LAYERS {
        return Err(LayerError::new(format!(
            "is a model of {} layers; 1 to {MAX_LAYERS} are supported",
            list.len()
        )));
    }
    list.iter().map(Layer::new).collect()
}

/// Returns the shape of a model's images, without the batch; sizes are `None` if the model leaves them open.
pub fn input_shape(model: &Layer<'_>) -> Result<Option<Vec<Option<usize>>>, LayerError> {
    let layers = layers(model)?;
    let input = layers.iter().find(|layer| layer.class == "InputLayer").or_else(|| layers.first());
    let own = match input {
        Some(first) if is_model(first) => input_shape(first)?,
        Some(first) => first.input_shape(),
        None => None,
    };
    Ok(own.or_else(|| model.input_shape()))
}

impl ModelEvaluator<'_> {
    /// Evaluates a model on its input.
    ///
    /// # Errors
    /// If a layer is not supported; the error names it.
    pub fn model(
        &mut self,
        model: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: Value,
    ) -> Result<Value, ImportError> {
        if model.class == "Sequential" {
            return self.chain(model, location, input);
        }
        self.graph(model, location, input)
    }

    fn chain(
        &mut self,
        model: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: Value,
    ) -> Result<Value, ImportError> {
        let layers = layers(model).map_err(|refusal| refusal.at(self.file, model.name))?;
        let names: Vec<(&str, &str)> = layers.iter().map(|layer| (layer.class, layer.name)).collect();
        let mut value = input;
        for (index, layer) in layers.iter().enumerate() {
            let location = location.and_then(|location| self.context.store.layer(location, &names, index));
            value = self.layer(layer, location.as_ref(), &[value])?;
        }
        Ok(value)
    }

    fn layer(
        &mut self,
        layer: &Layer<'_>,
        location: Option<&WeightLocation>,
        inputs: &[Value],
    ) -> Result<Value, ImportError> {
        if !is_model(layer) {
            return self
                .context
                .apply(layer, location, inputs)
                .map_err(|refusal| refusal.at(self.file, layer.name));
        }
        let [input] = inputs else {
            let refusal =
                LayerError::new(format!("is a model that takes {} inputs; it can have one", inputs.len()));
            return Err(refusal.at(self.file, layer.name));
        };
        self.model(layer, location, input.clone())
    }

    fn graph(
        &mut self,
        model: &Layer<'_>,
        location: Option<&WeightLocation>,
        input: Value,
    ) -> Result<Value, ImportError> {
        let file = self.file;
        let at_model = |refusal: LayerError| refusal.at(file, model.name);
        let layers = layers(model).map_err(at_model)?;
        let names: Vec<(&str, &str)> = layers.iter().map(|layer| (layer.class, layer.name)).collect();
        let end = |field: &str, what: &str| {
            let ends = model.config.get(field).map(references).unwrap_or_default();
            match <[Call; 1]>::try_from(ends) {
                Ok([end]) => Ok(end),
                Err(ends) => Err(at_model(LayerError::new(format!(
                    "is a model of {} {what}s; networks with one {what} are supported",
                    ends.len()
                )))),
            }
        };
        let (first, last) = (end("input_layers", "input")?, end("output_layers", "output")?);
        let mut waiting = Vec::new();
        for (index, layer) in layers.iter().enumerate() {
            let calls = layer.beside("inbound_nodes").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
            for (number, call) in calls.iter().enumerate() {
                waiting.push((index, number, call));
            }
        }
        if waiting.len() > MAX_LAYERS {
            return Err(at_model(LayerError::new(format!(
                "calls layers {} times, more than {MAX_LAYERS}",
                waiting.len()
            ))));
        }
        let mut values: HashMap<Call, Value> = HashMap::from([(first, input)]);
        // Layers are usually listed in the order of evaluation, but this is not required.
        while !values.contains_key(&last) {
            let before = waiting.len();
            let mut postponed = Vec::new();
            for (index, number, call) in waiting {
                let Some(layer) = layers.get(index) else { continue };
                let inputs = operands(call, &values).map_err(|refusal| refusal.at(file, layer.name))?;
                let Some(inputs) = inputs else {
                    postponed.push((index, number, call));
                    continue;
                };
                let location =
                    location.and_then(|location| self.context.store.layer(location, &names, index));
                let value = self.layer(layer, location.as_ref(), &inputs)?;
                values.insert((layer.name.to_owned(), number), value);
            }
            waiting = postponed;
            if waiting.len() == before {
                return Err(at_model(LayerError::new(format!(
                    "is a model whose output {:?} does not follow from its input",
                    last.0
                ))));
            }
        }
        values.remove(&last).ok_or_else(|| at_model(LayerError::new("is a model without an output")))
    }
}

/// Returns the calls in a field of inputs or outputs: `["a", 0, 0]`, a list of such, or an object of them.
fn references(value: &Json) -> Vec<Call> {
    if let Some(call) = reference(value) {
        return vec![call];
    }
    match value {
        Json::Array(list) => list.iter().filter_map(reference).collect(),
        Json::Object(named) => named.values().filter_map(reference).collect(),
        _ => Vec::new(),
    }
}

/// Parses a reference to a layer's output: its name, the number of the call and the number of the output, possibly
/// followed by arguments. Layers of several outputs are not supported.
fn reference(value: &Json) -> Option<Call> {
    let list = value.as_array().filter(|list| (3..=4).contains(&list.len()))?;
    let name = list.first()?.as_str()?;
    let call = usize::try_from(list.get(1)?.as_u64()?).ok()?;
    (list.get(2)?.as_u64()? == 0).then(|| (name.to_owned(), call))
}

/// Returns the operands of a call; `None` if one of them has not been evaluated yet.
fn operands(call: &Json, values: &HashMap<Call, Value>) -> Result<Option<Vec<Value>>, LayerError> {
    let mut found = Some(Vec::new());
    match call {
        // Keras 3: {"args": [...], "kwargs": {...}}.
        Json::Object(call) => {
            if let Some(positional) = call.get("args") {
                operand(positional, values, &mut found)?;
            }
            if let Some(named) = call.get("kwargs").and_then(Json::as_object) {
                arguments(named, values, &mut found)?;
            }
        }
        // Keras 2: [["a", 0, 0, {...}], ...], and ["a", 0, 0, {...}] for TensorFlow's operations.
        Json::Array(list) => {
            let single = list.first().is_some_and(Json::is_string);
            let inputs = if single { std::slice::from_ref(call) } else { list.as_slice() };
            for input in inputs {
                let parts = input.as_array().map_or(&[][..], Vec::as_slice);
                match parts {
                    [Json::String(name), _, constant, ..] if name == "_CONSTANT_VALUE" => {
                        operand(constant, values, &mut found)?
                    }
                    _ => operand(input, values, &mut found)?,
                }
                if let Some(named) = parts.get(3).and_then(Json::as_object) {
                    arguments(named, values, &mut found)?;
                }
            }
        }
        _ => return Err(LayerError::new("is called in a form that is not understood")),
    }
    Ok(found)
}

/// Adds the named arguments of a call.
fn arguments(
    named: &serde_json::Map<String, Json>,
    values: &HashMap<Call, Value>,
    found: &mut Option<Vec<Value>>,
) -> Result<(), LayerError> {
    for (name, value) in named {
        match name.as_str() {
            "training" if value.as_bool() == Some(true) => {
                return Err(LayerError::new(
                    "is called with training=True, so that it computes something else for every batch; without it the model can be imported",
                ));
            }
            "training" | "mask" | "name" => {}
            _ => operand(value, values, found)?,
        }
    }
    Ok(())
}

/// Adds the operands in an argument.
fn operand(
    value: &Json,
    values: &HashMap<Call, Value>,
    found: &mut Option<Vec<Value>>,
) -> Result<(), LayerError> {
    let tensor = value.get("config").and_then(|config| config.get("keras_history"));
    if let Some(call) = reference(tensor.unwrap_or(value)) {
        match (values.get(&call), found.as_mut()) {
            (Some(value), Some(found)) => found.push(value.clone()),
            _ => *found = None,
        }
        return Ok(());
    }
    if tensor.is_some() {
        return Err(LayerError::new("reads a second output of a layer, which is not supported"));
    }
    if value.is_null() {
        return Ok(());
    }
    if let Some(constant) = constants(value) {
        if let Some(found) = found {
            found.push(Value::Constant(constant));
        }
        return Ok(());
    }
    match value.as_array() {
        Some(list) => list.iter().try_for_each(|value| operand(value, values, found)),
        None => Err(LayerError::new(format!("is called with {value}, which is not understood"))),
    }
}
