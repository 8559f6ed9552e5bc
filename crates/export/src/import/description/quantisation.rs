//! Rounding of float weights to integers: the table `[quantisation]` of a description.

use std::fmt;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The word in a description for values that the import searches for.
const SEARCH: &str = "search";

/// Options of the rounding of weights to integers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantisationOptions {
    /// Number of grey levels of a pixel.
    #[serde(default)]
    pub pixel_levels: PixelLevelsChoice,
    /// Integer units in a real weight of 1, by layer.
    #[serde(default)]
    pub scales: ScalesChoice,
    /// True if weights are equalised before they are rounded; scales then refer to equalised weights. `None` equalises
    /// only for a search.
    pub equalise: Option<bool>,
    /// Percentage points of accuracy that a search may lose.
    #[serde(default = "default_tolerance")]
    pub tolerance: f64,
}

/// Number of grey levels of a pixel: fixed, or chosen by a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PixelLevelsChoice {
    /// The fewest levels that keep the accuracy.
    #[default]
    Search,
    /// This number of levels.
    Fixed(u16),
}

/// Scales of the three layers: fixed, or chosen by a search.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum ScalesChoice {
    /// The cheapest scales that keep the accuracy.
    #[default]
    Search,
    /// These scales of convolution, hidden and output layer.
    Fixed([f64; 3]),
}

/// Integer units in a real weight of 1, of convolution, hidden and output layer.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Scales(pub [f64; 3]);

impl QuantisationOptions {
    /// Returns whether weights are equalised before they are rounded.
    #[must_use]
    pub fn equalises(&self) -> bool {
        self.equalise.unwrap_or(self.scales == ScalesChoice::Search)
    }
}

impl Default for QuantisationOptions {
    fn default() -> Self {
        Self {
            pixel_levels: PixelLevelsChoice::default(),
            scales: ScalesChoice::default(),
            equalise: None,
            tolerance: default_tolerance(),
        }
    }
}

/// 10 of 5000 images. A rounded network and its original usually decide 100 images differently. If each of these is as
/// likely to be lost as won, their difference has a standard deviation of sqrt(100) = 10 images.
fn default_tolerance() -> f64 {
    0.2
}

impl fmt::Display for Scales {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.0.map(shortest);
        write!(f, "[{first}, {second}, {third}]")
    }
}

/// Writes a scale with the fewest digits that parse to the same number, in a form that TOML reads too.
fn shortest(scale: f64) -> String {
    if (1e-5..1e15).contains(&scale) { format!("{scale}") } else { format!("{scale:e}") }
}

impl<'de> Deserialize<'de> for PixelLevelsChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Levels;
        impl Visitor<'_> for Levels {
            type Value = PixelLevelsChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of grey levels from 2 to 256, or \"search\"")
            }

            fn visit_i64<E: Error>(self, levels: i64) -> Result<PixelLevelsChoice, E> {
                // A number that does not fit 16 bits is out of range in any case; the check reports it.
                Ok(PixelLevelsChoice::Fixed(levels.try_into().unwrap_or(if levels < 0 {
                    0
                } else {
                    u16::MAX
                })))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<PixelLevelsChoice, E> {
                if word == SEARCH {
                    Ok(PixelLevelsChoice::Search)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Levels)
    }
}

impl<'de> Deserialize<'de> for ScalesChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scales;
        impl<'de> Visitor<'de> for Scales {
            type Value = ScalesChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "three scales [convolution, hidden, output], such as [32, 1024, 32], or \"search\"",
                )
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ScalesChoice, A::Error> {
                let mut scales = [0.0; 3];
                for (index, scale) in scales.iter_mut().enumerate() {
                    *scale = list.next_element()?.ok_or_else(|| A::Error::invalid_length(index, &self))?;
                }
                match list.next_element::<f64>()? {
                    Some(_) => Err(A::Error::invalid_length(4, &self)),
                    None => Ok(ScalesChoice::Fixed(scales)),
                }
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<ScalesChoice, E> {
                if word == SEARCH {
                    Ok(ScalesChoice::Search)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(word), &self))
                }
            }
        }
        deserializer.deserialize_any(Scales)
    }
}
