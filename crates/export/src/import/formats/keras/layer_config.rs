//! Keras' configuration of a layer, as JSON.

use ndarray::{ArrayD, IxDyn};
use serde_json::Value as Json;

use crate::import::error::LayerError;

/// A layer, or an operation of a functional model, in `config.json`.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// The class, such as "Conv2D".
    pub class: &'a str,
    /// The layer's name, such as "conv2d_4".
    pub name: &'a str,
    /// The arguments.
    pub config: &'a Json,
    whole: &'a Json,
}

impl<'a> Layer<'a> {
    /// Parses the layer that an object describes.
    ///
    /// # Errors
    /// If it has no class.
    pub fn new(whole: &'a Json) -> Result<Self, LayerError> {
        let class = whole.get("class_name").and_then(Json::as_str);
        let class = class.ok_or_else(|| LayerError::new("holds a layer without a class_name"))?;
        let config = whole.get("config").unwrap_or(&Json::Null);
        let name = whole.get("name").or_else(|| config.get("name")).and_then(Json::as_str);
        Ok(Self { class, name: name.unwrap_or(class), config, whole })
    }

    /// Returns the layer with another name for errors.
    pub fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// Returns whether the class is the user's own, under any registered name.
    pub fn is_custom(&self) -> bool {
        let registered = self.whole.get("registered_name").and_then(Json::as_str);
        self.class.contains('>') || registered.is_some_and(|name| name.contains('>'))
    }

    /// Returns a field beside the configuration, such as `inbound_nodes`.
    pub fn beside(&self, field: &str) -> Option<&'a Json> {
        self.whole.get(field)
    }

    /// Returns an argument, unless it is absent or `null`.
    pub fn argument(&self, name: &str) -> Option<&'a Json> {
        self.config.get(name).filter(|value| !value.is_null())
    }

    /// Returns an argument that is true or false.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.argument(name).and_then(Json::as_bool).unwrap_or(default)
    }

    /// Returns an argument that is a number.
    pub fn number(&self, name: &str, default: f64) -> f64 {
        self.argument(name).and_then(Json::as_f64).unwrap_or(default)
    }

    /// Returns an argument that is one count for both rows and columns, or one for each.
    ///
    /// # Errors
    /// If it is neither.
    pub fn pair(&self, name: &str) -> Result<Option<[usize; 2]>, LayerError> {
        self.argument(name).map(|value| pair(value).ok_or_else(|| self.unreadable(name, value))).transpose()
    }

    /// Returns the zeros before and after rows and columns: one count for all, one for each axis, or two for each
    /// axis.
    ///
    /// # Errors
    /// If the argument has another form.
    pub fn sides(&self, name: &str) -> Result<[(usize, usize); 2], LayerError> {
        let value = self.argument(name).unwrap_or(&Json::Null);
        if let Some([rows, columns]) = pair(value) {
            return Ok([(rows, rows), (columns, columns)]);
        }
        match value.as_array().map(Vec::as_slice) {
            Some([rows, columns]) => match (pair(rows), pair(columns)) {
                (Some([above, below]), Some([left, right])) => Ok([(above, below), (left, right)]),
                _ => Err(self.unreadable(name, value)),
            },
            _ => Err(self.unreadable(name, value)),
        }
    }

    /// Returns whether channels come before rows and columns.
    pub fn channels_first(&self) -> bool {
        self.argument("data_format").and_then(Json::as_str) == Some("channels_first")
    }

    /// Returns the policy of quantised weights, such as "int8"; `None` if they are not quantised.
    pub fn quantisation(&self) -> Option<&'a str> {
        self.argument("dtype")?.get("config")?.get("mode")?.as_str()
    }

    /// Returns the shape of an image in the configuration, without the batch; sizes are `None` if they are open.
    pub fn input_shape(&self) -> Option<Vec<Option<usize>>> {
        let built = self.beside("build_config").and_then(|build| build.get("input_shape"));
        let fields = ["batch_shape", "batch_input_shape", "build_input_shape"];
        let shape = fields.iter().find_map(|field| self.argument(field)).or(built)?.as_array()?;
        let size = |size: &Json| size.as_u64().and_then(|size| usize::try_from(size).ok());
        // A nested model's shape may be a list of the shapes of several inputs.
        let plain = |size: &Json| size.is_null() || size.is_u64();
        shape.iter().all(plain).then(|| shape.iter().skip(1).map(size).collect())
    }

    /// Returns the error of an argument.
    pub fn unreadable(&self, name: &str, value: &Json) -> LayerError {
        let mut text = value.to_string();
        if let Some((end, _)) = text.char_indices().nth(80) {
            text.truncate(end);
        }
        LayerError::new(format!("has {name} {text}, which is not understood"))
    }
}

/// Parses two counts, or one count for both.
fn pair(value: &Json) -> Option<[usize; 2]> {
    match value.as_array().map(Vec::as_slice) {
        None => count(value).map(|both| [both, both]),
        Some([one, other]) => Some([count(one)?, count(other)?]),
        Some(_) => None,
    }
}

fn count(value: &Json) -> Option<usize> {
    value.as_u64().and_then(|count| usize::try_from(count).ok()).filter(|&count| count <= 1 << 16)
}

/// Parses a list of whole numbers, or one of them.
pub fn integers(value: &Json) -> Option<Vec<i64>> {
    match value.as_array() {
        None => Some(vec![value.as_i64()?]),
        Some(list) => list.iter().map(Json::as_i64).collect(),
    }
}

/// Parses numbers: one, a list of lists of them, or either in a serialised array (`{"class_name": "__numpy__",
/// "config": ...}`).
pub fn constants(value: &Json) -> Option<ArrayD<f64>> {
    if let Some(wrapped) = value.get("config").and_then(|config| config.get("value")) {
        return constants(wrapped);
    }
    let mut shape = Vec::new();
    let mut first = value;
    while let Some(list) = first.as_array() {
        shape.push(list.len());
        first = list.first()?;
    }
    let mut values = Vec::new();
    flatten(value, shape.len(), &mut values)?;
    ArrayD::from_shape_vec(IxDyn(&shape), values).ok()
}

fn flatten(value: &Json, levels: usize, values: &mut Vec<f64>) -> Option<()> {
    match (value.as_array(), levels.checked_sub(1)) {
        (Some(list), Some(levels)) => list.iter().try_for_each(|value| flatten(value, levels, values)),
        (None, None) => {
            values.push(value.as_f64()?);
            Some(())
        }
        _ => None,
    }
}
