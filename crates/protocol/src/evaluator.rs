//! The choice between the fast engine and the slow reference.

use std::fmt;

use serde::{Serialize, Serializer};
use sottovoce_bfv::{EvaluatorKind, Kernel};

/// Implementation that evaluates ciphertexts. Both evaluators' answers decrypt to the same integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluator {
    /// The engine of `sottovoce-bfv`, with one of its kernels.
    Engine(Kernel),
    /// The reference, which uses only `fhe`'s public operations.
    Reference,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self::Engine(Kernel::detect())
    }
}

/// Writes the evaluator's name. The kernel is named only if it is not the processor's best one, so that results stay valid
/// on another machine.
impl Serialize for Evaluator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Engine(kernel) if *kernel == Kernel::detect() => serializer.serialize_str("engine"),
            other => serializer.collect_str(other),
        }
    }
}

/// Writes the evaluator's name and the engine's instruction set.
impl fmt::Display for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(kernel) => write!(f, "engine, {kernel}"),
            Self::Reference => f.write_str("reference"),
        }
    }
}

impl From<Evaluator> for EvaluatorKind {
    fn from(evaluator: Evaluator) -> Self {
        match evaluator {
            Evaluator::Engine(_) => Self::Engine,
            Evaluator::Reference => Self::Reference,
        }
    }
}
