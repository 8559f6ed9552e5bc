//! Errors of the engine.

use crate::packed::PackedLayoutError;

/// A network or a key that the engine cannot work with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A row has too many weights.
    #[error(
        "a row of weights has {found} inputs, but the engine takes fewer than {limit}; use the reference evaluator"
    )]
    Inputs {
        /// Inputs of the row.
        found: usize,
        /// The first number of inputs that is too large.
        limit: usize,
    },
    /// The encryption library refused an operation on its key.
    #[error("the encryption library refused an operation: {0}")]
    Fhe(String),
    /// The parameters were chosen for networks of another shape.
    #[error(
        "the parameters have no key for a rotation by {steps} columns with {primes} ciphertext primes (0 columns swap the rows), which the \
         network needs; choose parameters for this network"
    )]
    Rotation {
        /// Columns of the rotation, or 0 for the swap of the rows.
        steps: usize,
        /// Ciphertext primes of the key.
        primes: usize,
    },
    /// Packed answers cannot be flooded with noise.
    #[error(
        "packed evaluation cannot hide its models: its parameters leave no room for noise that covers the answers' own; evaluate batches"
    )]
    PackedFlooding,
    /// The network does not fit in the slots.
    #[error(transparent)]
    Layout(#[from] PackedLayoutError),
    /// The key was made for other parameters than the engine's.
    #[error("the key was made for other parameters than the engine's")]
    OtherParameters,
    /// The ring is smaller than a tile.
    #[error("the ring degree is {found}, but the engine needs at least {min}")]
    Degree {
        /// The ring degree.
        found: usize,
        /// The least ring degree that works.
        min: usize,
    },
}
