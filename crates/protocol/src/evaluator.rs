//! How ciphertexts are evaluated.

use std::fmt;

use serde::{Serialize, Serializer};
use sottovoce_bfv::Kernel;
use sottovoce_bfv::noise::Evaluation;

/// How ciphertexts are evaluated. The answers decrypt to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evaluator {
    /// At the evaluation points: the fast way.
    Engine(Kernel),
    /// With `fhe`'s public operations alone.
    Reference,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self::Engine(Kernel::detect())
    }
}

/// What identifies an evaluation: the engine's kernel only where it is not the processor's best, so that results stay
/// valid on another machine.
impl Serialize for Evaluator {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Engine(kernel) if *kernel == Kernel::detect() => serializer.serialize_str("engine"),
            other => serializer.collect_str(other),
        }
    }
}

/// With the engine's instruction set.
impl fmt::Display for Evaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(kernel) => write!(f, "engine, {kernel}"),
            Self::Reference => f.write_str("reference"),
        }
    }
}

impl From<Evaluator> for Evaluation {
    fn from(evaluator: Evaluator) -> Self {
        match evaluator {
            Evaluator::Engine(_) => Self::Engine,
            Evaluator::Reference => Self::Reference,
        }
    }
}
