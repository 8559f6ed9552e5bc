//! How parameters are chosen for a run.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_bfv::noise::Evaluation as EvaluationKind;
use sottovoce_bfv::planner::{Choice, Fixed, Request};
use sottovoce_bfv::{Kernel, ParametersError};
use sottovoce_network::{IntegerEnsemble, ProvenRange};
use sottovoce_protocol::ProtocolError;

use crate::{EvaluateError, Evaluator};

/// What the plaintext modulus is chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeRule {
    /// The largest logit over training images, and a margin: an image whose logits are larger still decrypts to wrong
    /// ones, and nothing shows it.
    #[default]
    Observed,
    /// A bound over all images that there can be.
    Proven,
}

/// How parameters are chosen: by which range, and what is fixed beforehand.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// What the plaintext modulus is chosen by.
    pub range: RangeRule,
    /// The fraction by which logits may exceed the observed range.
    pub range_margin: f64,
    /// Whether answers must say nothing of the weights but the logits.
    pub hide_model: bool,
    /// What of the parameters is fixed.
    pub fixed: Fixed,
}

/// An ensemble that parameters are needed for.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    /// The ensemble.
    pub ensemble: &'a IntegerEnsemble,
    /// Its largest absolute logit, of a member or the sum, over training images; where it is not known, parameters can
    /// rest on the proven range alone.
    pub observed: Option<i128>,
    /// What is proven of its logits, where that was done already: half a second of one core.
    pub proven: Option<i128>,
}

impl Need<'_> {
    /// The largest absolute logit, of a member or the sum, that any image can cause.
    pub(crate) fn proven(&self) -> i128 {
        self.proven.unwrap_or_else(|| ProvenRange::of(self.ensemble).best().1)
    }
}

impl Policy {
    /// The largest absolute logit that parameters shall hold for `need`.
    ///
    /// # Errors
    /// If it goes by the observed range, and nothing was observed.
    pub fn largest_logit(&self, need: Need<'_>) -> Result<i128, EvaluateError> {
        match self.range {
            RangeRule::Proven => Ok(need.proven()),
            RangeRule::Observed => {
                let observed = need.observed.ok_or(EvaluateError::NothingObserved)?;
                // Exact up to 53 bits, which is all that a margin needs.
                let margin = (observed as f64 * self.range_margin).ceil() as i128;
                Ok(observed.saturating_add(margin))
            }
        }
    }

    /// Parameters that serve all of `needs` on the same ciphertexts, for a run over `images`, whichever of `evaluators`
    /// evaluates.
    ///
    /// # Errors
    /// If there are none.
    pub fn choose(
        &self,
        needs: &[Need<'_>],
        images: usize,
        evaluators: &[Evaluator],
    ) -> Result<Choice, EvaluateError> {
        if self.hide_model && evaluators.contains(&Evaluator::Reference) {
            return Err(ProtocolError::Hiding.into());
        }
        // Proofs take their time.
        let largest: Vec<i128> =
            needs.par_iter().map(|&need| self.largest_logit(need)).collect::<Result<_, _>>()?;
        let largest_logit = largest.into_iter().max().unwrap_or(0);
        let ensembles: Vec<&IntegerEnsemble> = needs.iter().map(|need| need.ensemble).collect();
        let evaluations: Vec<EvaluationKind> = evaluators.iter().map(|&evaluator| evaluator.into()).collect();
        let kernel = evaluators.iter().find_map(|evaluator| match evaluator {
            Evaluator::Engine(kernel) => Some(*kernel),
            Evaluator::Reference => None,
        });
        let request = Request {
            images,
            evaluations: &evaluations,
            kernel: kernel.unwrap_or_else(Kernel::detect),
            hide_model: self.hide_model,
            fixed: self.fixed.clone(),
            ..Request::new(&ensembles, largest_logit)
        };
        request.choose().map_err(|error: ParametersError| error.into())
    }
}
