//! Sizes that a description gives: the table `[architecture]`.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use sottovoce_network::Padding;

/// Sizes that a description gives. The tensors' shapes determine the absent ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartialArchitecture {
    /// Rows and columns of an image in pixels; those of the data set if absent.
    pub image_side: Option<usize>,
    /// Rows and columns of the kernel.
    pub kernel: Option<usize>,
    /// Pixels between neighbouring windows.
    pub stride: Option<usize>,
    /// Zeros around the image.
    pub padding: Option<PaddingMode>,
    /// Rows and columns of the average pooling's windows after the first square; 1 means no pooling.
    pub pool: Option<usize>,
    /// Number of convolution maps.
    pub maps: Option<usize>,
    /// Number of hidden units.
    pub hidden: Option<usize>,
    /// Number of classes.
    pub classes: Option<usize>,
}

/// Zeros around the image, in the forms that frameworks use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaddingMode {
    /// No zeros.
    Valid,
    /// Zeros that make the output's side that of the image over the stride, rounded up. An odd zero is after the image.
    Same,
    /// This number of zeros before and after the image.
    Both(usize),
    /// Separate numbers before and after the image.
    Sides(Padding),
}

impl PartialArchitecture {
    /// Returns the rows and columns of the average pooling's windows after the first square, at least 1.
    pub(crate) fn pool(&self) -> usize {
        self.pool.unwrap_or(1).max(1)
    }
}

impl fmt::Display for PaddingMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid => f.write_str("\"valid\""),
            Self::Same => f.write_str("\"same\""),
            Self::Both(zeros) => write!(f, "{zeros} on all sides"),
            Self::Sides(Padding { leading, trailing }) => write!(f, "{leading} leading, {trailing} trailing"),
        }
    }
}

impl<'de> Deserialize<'de> for PaddingMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PaddingVisitor;
        impl<'de> Visitor<'de> for PaddingVisitor {
            type Value = PaddingMode;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(
                    "\"valid\" (none), \"same\", the zeros on every side, or { leading = ..., trailing = ... }",
                )
            }

            fn visit_i64<E: Error>(self, zeros: i64) -> Result<PaddingMode, E> {
                let unexpected = serde::de::Unexpected::Signed(zeros);
                zeros.try_into().map(PaddingMode::Both).map_err(|_| E::invalid_value(unexpected, &self))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<PaddingMode, E> {
                match word {
                    "valid" => Ok(PaddingMode::Valid),
                    "same" => Ok(PaddingMode::Same),
                    _ => Err(E::invalid_value(serde::de::Unexpected::Str(word), &self)),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PaddingMode, A::Error> {
                Padding::deserialize(MapAccessDeserializer::new(map)).map(PaddingMode::Sides)
            }
        }
        deserializer.deserialize_any(PaddingVisitor)
    }
}
