//! Keras's configuration of a layer, as JSON.

use ndarray::{ArrayD, IxDyn};
use serde_json::Value as Json;

use crate::import::error::LayerError;

/// A layer, or an operation of a functional model, as `config.json` describes it.
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Its class, such as "Conv2D".
    pub class: &'a str,
    /// Its own name, such as "conv2d_4".
    pub name: &'a str,
    /// Its arguments.
    pub config: &'a Json,
    whole: &'a Json,
}

impl<'a> Layer<'a> {
    /// The layer that an object describes.
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

    /// The same layer under another name, for errors.
    pub fn named(self, name: &'a str) -> Self {
        Self { name, ..self }
    }

    /// Whether the class is the user's own, under whatever name it is registered.
    pub fn is_custom(&self) -> bool {
        let registered = self.whole.get("registered_name").and_then(Json::as_str);
        self.class.contains('>') || registered.is_some_and(|name| name.contains('>'))
    }

    /// A field beside the configuration, such as `inbound_nodes`.
    pub fn beside(&self, field: &str) -> Option<&'a Json> {
        self.whole.get(field)
    }

    /// An argument, unless it is absent or `null`.
    pub fn argument(&self, name: &str) -> Option<&'a Json> {
        self.config.get(name).filter(|value| !value.is_null())
    }

    /// An argument that is true or false.
    pub fn flag(&self, name: &str, default: bool) -> bool {
        self.argument(name).and_then(Json::as_bool).unwrap_or(default)
    }

    /// An argument that is a number.
    pub fn number(&self, name: &str, default: f64) -> f64 {
        self.argument(name).and_then(Json::as_f64).unwrap_or(default)
    }

    /// An argument that is one count for rows and columns, or one for each.
    ///
    /// # Errors
    /// If it is neither.
    pub fn pair(&self, name: &str) -> Result<Option<[usize; 2]>, LayerError> {
        self.argument(name).map(|value| pair(value).ok_or_else(|| self.unreadable(name, value))).transpose()
    }

    /// Zeros before and behind rows and columns: one count for all, one for each axis, or two for each axis.
    ///
    /// # Errors
    /// If it is none of them.
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

    /// Whether channels come before rows and columns.
    pub fn channels_first(&self) -> bool {
        self.argument("data_format").and_then(Json::as_str) == Some("channels_first")
    }

    /// The policy of quantised weights, such as "int8", if they are.
    pub fn quantisation(&self) -> Option<&'a str> {
        self.argument("dtype")?.get("config")?.get("mode")?.as_str()
    }

    /// The shape of an image's batch that the configuration names, without the batch: `None` for sizes that it leaves open.
    pub fn input_shape(&self) -> Option<Vec<Option<usize>>> {
        let built = self.beside("build_config").and_then(|build| build.get("input_shape"));
        let fields = ["batch_shape", "batch_input_shape", "build_input_shape"];
        let shape = fields.iter().find_map(|field| self.argument(field)).or(built)?.as_array()?;
        let size = |size: &Json| size.as_u64().and_then(|size| usize::try_from(size).ok());
        // A nested model's may be of several inputs.
        let plain = |size: &Json| size.is_null() || size.is_u64();
        shape.iter().all(plain).then(|| shape.iter().skip(1).map(size).collect())
    }

    /// The refusal of an argument.
    pub fn unreadable(&self, name: &str, value: &Json) -> LayerError {
        let mut text = value.to_string();
        if let Some((end, _)) = text.char_indices().nth(80) {
            text.truncate(end);
        }
        LayerError::new(format!("has {name} {text}, which is not understood"))
    }
}

/// Two counts, or one for both.
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

/// A list of whole numbers, or one of them.
pub fn integers(value: &Json) -> Option<Vec<i64>> {
    match value.as_array() {
        None => Some(vec![value.as_i64()?]),
        Some(list) => list.iter().map(Json::as_i64).collect(),
    }
}

/// An axis counted from the front or, below zero, from behind.
pub fn axis(axis: i64, axes: usize) -> Result<usize, LayerError> {
    let positive = if axis < 0 { axis.checked_add_unsigned(axes as u64) } else { Some(axis) };
    let found = positive.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < axes);
    found.ok_or_else(|| LayerError::new(format!("names axis {axis} of {axes}")))
}

/// Numbers: one, a list of lists of them, or either in a serialised array (`{"class_name": "__numpy__", "config": ...}`).
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
