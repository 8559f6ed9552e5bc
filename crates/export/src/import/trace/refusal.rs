//! Why a layer cannot be taken over.

use std::fmt;

use super::super::ImportError;

/// The reason why a layer cannot be evaluated on ciphertexts, or be read: a sentence without its subject, the layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(String);

impl Refusal {
    /// A reason such as "divides by zero".
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// An activation, or another layer, that is not affine and not a square.
    pub fn not_a_square(kind: &str) -> Self {
        Self(format!(
            "is {kind}, which cannot be evaluated on ciphertexts: they can be added and multiplied, and nothing else. What fits: the \
             same network trained again with x * x in its place (an average pooling in place of a maximum)"
        ))
    }

    /// The error, with the layer's own name.
    pub fn at(self, file: &str, layer: &str) -> ImportError {
        ImportError::Layer { file: file.to_owned(), layer: layer.to_owned(), reason: self.0 }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
