//! Errors of the engine.

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
