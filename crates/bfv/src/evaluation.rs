//! The two evaluators, and the layers that they report times of.

use std::fmt;
use std::time::Duration;

/// The evaluator of an ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EvaluatorKind {
    /// [`Engine`](crate::Engine).
    Engine,
    /// [`ReferenceEvaluator`](crate::ReferenceEvaluator).
    Reference,
}

/// The layers of the paper's Table 3, and two steps around them that the table does not list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// Encoding and encrypting a batch: one ciphertext per pixel, shared by all members.
    Encrypted,
    /// The convolution with its biases.
    Convolution1,
    /// The first square with its relinearisation.
    Activation2,
    /// The hidden dense layer with its biases.
    Dense3,
    /// The second square with its relinearisation.
    Activation4,
    /// The last dense layer with its biases.
    Dense5,
    /// Adding the members' logits.
    EnsembleSum,
    /// Decrypting and decoding the logits, and measuring their noise.
    Decryption,
}

impl fmt::Display for Layer {
    /// Writes the layer's name in `layers.csv`, as the paper spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encrypted => "EncryptedLayer",
            Self::Convolution1 => "ConverLayer1",
            Self::Activation2 => "ActivationLayer2",
            Self::Dense3 => "DenseLayer3",
            Self::Activation4 => "ActivationLayer4",
            Self::Dense5 => "DenseLayer5",
            Self::EnsembleSum => "EnsembleSum",
            Self::Decryption => "Decryption",
        })
    }
}

/// Wall-clock time of one layer for one batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerTime {
    /// The member, from 0; `None` for work that the members share.
    pub member: Option<usize>,
    /// The layer.
    pub layer: Layer,
    /// Wall-clock time.
    pub elapsed: Duration,
}

impl LayerTime {
    /// Adds `time` to the time of the same member and layer in `times`.
    pub(crate) fn add(times: &mut Vec<Self>, time: Self) {
        match times.iter_mut().find(|other| other.member == time.member && other.layer == time.layer) {
            Some(other) => other.elapsed += time.elapsed,
            None => times.push(time),
        }
    }
}
