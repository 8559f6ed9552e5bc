//! Fields of a description that may be written in more than one way.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::{BatchNormSource, LayerBias, LayerSource, LevelsPlan, MemberLayers, MemberSource, ScalesPlan};

/// The word for what is to be searched for.
const SEARCH: &str = "search";

impl<'de> Deserialize<'de> for LevelsPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Levels;
        impl Visitor<'_> for Levels {
            type Value = LevelsPlan;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of grey levels from 2 to 256, or \"search\"")
            }

            fn visit_i64<E: Error>(self, levels: i64) -> Result<LevelsPlan, E> {
                // What does not fit is out of range all the same.
                Ok(LevelsPlan::Fixed(levels.try_into().unwrap_or(if levels < 0 { 0 } else { u16::MAX })))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<LevelsPlan, E> {
                if word == SEARCH {
                    Ok(LevelsPlan::Search)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Levels)
    }
}

impl<'de> Deserialize<'de> for ScalesPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scales;
        impl<'de> Visitor<'de> for Scales {
            type Value = ScalesPlan;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "three scales [convolution, hidden, output], such as [32, 1024, 32], or \"search\"",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ScalesPlan, A::Error> {
                let mut scales = [0.0; 3];
                for (index, scale) in scales.iter_mut().enumerate() {
                    *scale = list.next_element()?.ok_or_else(|| A::Error::invalid_length(index, &self))?;
                }
                match list.next_element::<f64>()? {
                    Some(_) => Err(A::Error::invalid_length(4, &self)),
                    None => Ok(ScalesPlan::Fixed(scales)),
                }
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<ScalesPlan, E> {
                if word == SEARCH {
                    Ok(ScalesPlan::Search)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Scales)
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
                Ok(LayerSource { weights, bias: bias.map(LayerBias::named), axes, batch_norm, memory })
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
                let alone = if file.is_some() {
                    ", or `file` alone where the file tells which tensor is which"
                } else {
                    ""
                };
                Err(D::Error::custom(format!(
                    "a member names all three layers{alone}; missing are {}",
                    missing.join(", ")
                )))
            }
        }
    }
}
