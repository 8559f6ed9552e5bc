//! The provider's side of an evaluation, one way or the other.

use std::fmt;

use serde::{Deserialize, Serialize};
use sottovoce_bfv::{
    BfvError, EncryptedAnswer, EncryptedBatch, Engine, EvaluationKey, PlanError, ReferenceEvaluator,
};
use sottovoce_network::IntegerEnsemble;

/// How ciphertexts are evaluated. The answers decrypt to the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Evaluator {
    /// At the evaluation points: the fast way.
    #[default]
    Engine,
    /// With `fhe`'s public operations alone.
    Reference,
}

/// An evaluator with its key and its ensemble.
pub enum Provider<'a> {
    Engine(Box<Engine<'a>>),
    Reference(ReferenceEvaluator<'a>),
}

impl<'a> Provider<'a> {
    pub fn new(
        evaluator: Evaluator,
        key: &'a EvaluationKey,
        ensemble: &'a IntegerEnsemble,
    ) -> Result<Self, PlanError> {
        Ok(match evaluator {
            Evaluator::Engine => Self::Engine(Box::new(Engine::new(key, ensemble)?)),
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
