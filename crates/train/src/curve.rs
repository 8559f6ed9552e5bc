//! The training curve.

use serde::{Deserialize, Serialize};

/// A phase of training.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// In floating point.
    Float,
    /// With everything rounded in the forward pass.
    Quantised,
}

/// One row of a training curve: means over one epoch, on augmented training images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurveRow {
    /// The member, from 1.
    pub member: usize,
    /// The phase.
    pub phase: Phase,
    /// Which try, from 1; more than one where training diverged.
    pub attempt: usize,
    /// The epoch within the phase, from 1.
    pub epoch: usize,
    /// Mean loss (adjusted cross-entropy in nats, with the range penalty in the quantised phase).
    pub loss: f64,
    /// Fraction of the training images that were classified correctly while training on them.
    pub accuracy: f64,
    /// Learning rate at the end of the epoch.
    pub rate: f64,
}
