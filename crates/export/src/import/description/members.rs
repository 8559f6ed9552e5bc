//! Locations of the members' weights: the tables `[[members]]` of a description.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Location of one member's weights.
#[derive(Debug, Clone, PartialEq)]
pub enum MemberSource {
    /// A file that holds a whole network, or weights whose names and shapes identify the layers.
    File(String),
    /// Tensors by name.
    Layers(Box<MemberLayers>),
}

/// The tensors of one member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberLayers {
    /// A file that holds all tensors by name.
    pub file: Option<String>,
    /// Tensors of the convolution.
    pub convolution: LayerSource,
    /// Tensors of the hidden dense layer.
    pub hidden: LayerSource,
    /// Tensors of the last dense layer.
    pub output: LayerSource,
}

/// The tensors of one layer: names in the member's file, or files, or `FILE::NAME`.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerSource {
    /// The weights.
    pub weights: String,
    /// The biases; `None` where the description's `bias` or layout decides.
    pub bias: Option<LayerBias>,
    /// The order of the weights' axes, where it differs from the other layers'.
    pub axes: Option<String>,
    /// A BatchNorm that follows the layer, before or after its square.
    pub batch_norm: Option<BatchNormSource>,
    /// The order in which the weights' values are stored, where their shape does not say it.
    pub memory: Option<String>,
}

/// Location of one layer's biases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerBias {
    /// Biases in this tensor or file.
    Tensor(String),
    /// A bias after the weights of each output.
    Last,
    /// The layer has no biases.
    None,
}

/// The tensors of a BatchNorm layer, and its position.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormSource {
    /// Moving means.
    pub mean: String,
    /// Moving variances.
    pub variance: String,
    /// Factors (PyTorch's `weight`); 1 if absent.
    pub gamma: Option<String>,
    /// Offsets (PyTorch's `bias`); 0 if absent.
    pub beta: Option<String>,
    /// Added to the variance. If absent: 0.001 in Keras' layout and 0.00001 in the others, as in the frameworks.
    pub epsilon: Option<f64>,
    /// Before or after the layer's square.
    #[serde(default)]
    pub place: BatchNormPosition,
}

/// On which side of its layer's square a BatchNorm is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BatchNormPosition {
    /// The BatchNorm is part of the layer: `square(norm(layer(x)))`.
    #[default]
    BeforeSquare,
    /// The BatchNorm is part of the next layer: `norm(square(layer(x)))`.
    BehindSquare,
}

impl MemberSource {
    /// Returns the layers, if they are named.
    #[must_use]
    pub fn layers(&self) -> Option<&MemberLayers> {
        match self {
            Self::File(_) => None,
            Self::Layers(layers) => Some(&**layers),
        }
    }

    /// Returns the layers for changes, if they are named.
    pub fn layers_mut(&mut self) -> Option<&mut MemberLayers> {
        match self {
            Self::File(_) => None,
            Self::Layers(layers) => Some(&mut **layers),
        }
    }
}

impl From<String> for LayerBias {
    /// Parses the value of `bias`: one of the words "last" and "none", or the name of a tensor.
    fn from(name: String) -> Self {
        match name.as_str() {
            "last" => Self::Last,
            "none" => Self::None,
            _ => Self::Tensor(name),
        }
    }
}

impl<'de> Deserialize<'de> for LayerSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            weights: String,
            bias: Option<String>,
            axes: Option<String>,
            batch_norm: Option<BatchNormSource>,
            memory: Option<String>,
        }
        struct Layer;
        impl<'de> Visitor<'de> for Layer {
            type Value = LayerSource;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a tensor or file of weights, or a table { weights = \"...\", bias = \"...\" }")
            }

            fn visit_str<E: Error>(self, weights: &str) -> Result<LayerSource, E> {
                Ok(LayerSource {
                    weights: weights.to_owned(),
                    bias: None,
                    axes: None,
                    batch_norm: None,
                    memory: None,
                })
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LayerSource, A::Error> {
                let Fields { weights, bias, axes, batch_norm, memory } =
                    Fields::deserialize(MapAccessDeserializer::new(map))?;
                Ok(LayerSource { weights, bias: bias.map(LayerBias::from), axes, batch_norm, memory })
            }
        }
        deserializer.deserialize_any(Layer)
    }
}

impl<'de> Deserialize<'de> for MemberSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            file: Option<String>,
            convolution: Option<LayerSource>,
            hidden: Option<LayerSource>,
            output: Option<LayerSource>,
        }
        let Fields { file, convolution, hidden, output } = Fields::deserialize(deserializer)?;
        match (file, convolution, hidden, output) {
            (Some(file), None, None, None) => Ok(Self::File(file)),
            (file, Some(convolution), Some(hidden), Some(output)) => {
                Ok(Self::Layers(Box::new(MemberLayers { file, convolution, hidden, output })))
            }
            (file, convolution, hidden, output) => {
                let layers = [("convolution", convolution), ("hidden", hidden), ("output", output)];
                let missing: Vec<_> =
                    layers.iter().filter(|(_, layer)| layer.is_none()).map(|(name, _)| *name).collect();
                let file_only =
                    if file.is_some() { ", or only `file` if the file identifies the layers" } else { "" };
                Err(D::Error::custom(format!(
                    "a member names all three layers{file_only}; missing: {}",
                    missing.join(", ")
                )))
            }
        }
    }
}
