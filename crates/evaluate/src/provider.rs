//! The provider's side of an evaluation, one way or the other.

use std::fmt;

use serde::{Serialize, Serializer};
use sottovoce_bfv::{
    BfvError, EncryptedAnswer, EncryptedBatch, Engine, EvaluationKey, Kernel, PlanError, ReferenceEvaluator,
};
use sottovoce_network::IntegerEnsemble;

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
            Self::Engine(kernel) => serializer.collect_str(&format_args!("engine, {kernel}")),
            Self::Reference => serializer.serialize_str("reference"),
        }
    }
}

/// An evaluator with its key and its ensemble.
pub enum Provider<'a> {
    Engine(Box<Engine>),
    Reference(ReferenceEvaluator<'a>),
}

impl<'a> Provider<'a> {
    pub fn new(
        evaluator: Evaluator,
        key: &'a EvaluationKey,
        ensemble: &'a IntegerEnsemble,
    ) -> Result<Self, PlanError> {
        Ok(match evaluator {
            Evaluator::Engine(kernel) => Self::Engine(Box::new(Engine::with_kernel(key, ensemble, kernel)?)),
            Evaluator::Reference => Self::Reference(ReferenceEvaluator::new(key, ensemble)),
        })
    }

    pub fn work(&self) -> u64 {
        match self {
            Self::Engine(engine) => engine.work(),
            Self::Reference(reference) => reference.work(),
        }
    }

    /// The logits of the ensemble; `with_members` those of every member, which the reference gives in any case.
    pub fn evaluate(
        &self,
        batch: &EncryptedBatch,
        with_members: bool,
        advance: &(dyn Fn(u64) + Sync),
    ) -> Result<EncryptedAnswer, BfvError> {
        match self {
            Self::Engine(engine) => engine.evaluate(batch, with_members, &advance),
            Self::Reference(reference) => reference.evaluate(batch, advance),
        }
    }
}

impl fmt::Display for Provider<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Engine(engine) => write!(f, "engine, {}", engine.kernel()),
            Self::Reference(_) => f.write_str("reference"),
        }
    }
}
