//! The choice of encryption parameters for the ensembles of a run.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_bfv::EvaluatorKind;
use sottovoce_bfv::planner::{
    ChosenParameters, FixedParameters, ParameterRequest, check_packed_parameters, choose_parameters,
};
use sottovoce_bfv::{Kernel, Parameters};
use sottovoce_network::disk::ExportedEnsemble;
use sottovoce_network::{IntegerEnsemble, ObservedRange, ProvenRange};
use sottovoce_protocol::{Evaluator, ProtocolError};

use crate::error::EvaluateError;

/// The range of logits that the plaintext modulus must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeKind {
    /// The largest logit over training images, plus a margin. An image with larger logits decrypts to wrong logits
    /// without an error.
    #[default]
    Observed,
    /// A proven bound on the logits of every possible image.
    Proven,
}

/// Rules for the choice of encryption parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct ParameterPolicy {
    /// The range of logits that the plaintext modulus must hold.
    pub range: RangeKind,
    /// Margin above the observed range, as a fraction of it.
    pub range_margin: f64,
    /// True if answers must reveal nothing about the weights except the logits.
    pub hide_model: bool,
    /// Parameters that are given and not chosen.
    pub fixed: FixedParameters,
}

/// An ensemble and the known ranges of its logits.
#[derive(Debug, Clone, Copy)]
pub struct RangedEnsemble<'a> {
    /// The ensemble.
    pub ensemble: &'a IntegerEnsemble,
    /// The largest absolute logit, of a member or the sum, over training images. If it is not known, only the proven range
    /// can be used.
    pub observed_logit: Option<i128>,
    /// The proven bound on absolute logits, of a member or the sum, if it was computed before. The computation takes half a
    /// second on one core.
    pub proven_logit: Option<i128>,
}

/// An exported ensemble, with the range that its export observed.
impl<'a> From<&'a ExportedEnsemble> for RangedEnsemble<'a> {
    fn from(exported: &'a ExportedEnsemble) -> Self {
        let observed_logit = exported.origin.observed.as_ref().map(ObservedRange::largest);
        Self { ensemble: &exported.ensemble, observed_logit, proven_logit: None }
    }
}

impl RangedEnsemble<'_> {
    /// Returns the proven bound on the absolute logits of a member or the sum, and computes it if necessary.
    pub(crate) fn prove_logit(&self) -> i128 {
        self.proven_logit.unwrap_or_else(|| ProvenRange::of(self.ensemble).best().1)
    }
}

impl ParameterPolicy {
    /// The default margin above the observed range, as a fraction of it.
    pub const RANGE_MARGIN: f64 = 0.15;

    /// Computes the largest absolute logit that parameters for `ensemble` must hold.
    ///
    /// # Errors
    /// If the policy asks for the observed range, and no range was observed.
    pub fn largest_logit(&self, ensemble: RangedEnsemble<'_>) -> Result<i128, EvaluateError> {
        match self.range {
            RangeKind::Proven => Ok(ensemble.prove_logit()),
            RangeKind::Observed => {
                let observed = ensemble.observed_logit.ok_or(EvaluateError::NoObservedRange)?;
                // `f64` is exact up to 53 bits, and a margin needs no more.
                let margin = (observed as f64 * self.range_margin).ceil() as i128;
                Ok(observed.saturating_add(margin))
            }
        }
    }

    /// Checks that `parameters`, which were chosen for other ensembles, also serve all of `ensembles`. Returns them with the noise and
    /// the flooding of these ensembles.
    ///
    /// # Errors
    /// As [`choose`](Self::choose), or if the parameters have too little room for an ensemble.
    pub fn keep(
        &self,
        parameters: &Parameters,
        ensembles: &[RangedEnsemble<'_>],
        images: usize,
        evaluators: &[Evaluator],
    ) -> Result<ChosenParameters, EvaluateError> {
        Self { fixed: FixedParameters::all(parameters), ..self.clone() }.choose(ensembles, images, evaluators)
    }

    /// Checks that packed `parameters`, which were chosen for other ensembles, also serve all of `ensembles`. Returns them with the noise of
    /// these ensembles.
    ///
    /// # Errors
    /// If a range is missing, or the parameters have too little room or lack a rotation for an ensemble.
    pub fn keep_packed(
        &self,
        parameters: &Parameters,
        ensembles: &[RangedEnsemble<'_>],
        images: usize,
    ) -> Result<ChosenParameters, EvaluateError> {
        Ok(self.with_request(ensembles, images, &[Evaluator::default()], |request| {
            check_packed_parameters(request, parameters)
        })??)
    }

    /// Chooses parameters that serve all of `ensembles` on the same ciphertexts, for a run over `images` images that any of
    /// `evaluators` may evaluate.
    ///
    /// # Errors
    /// If no secure parameters serve all ensembles, a range is missing, or the reference evaluator is asked to hide the model.
    pub fn choose(
        &self,
        ensembles: &[RangedEnsemble<'_>],
        images: usize,
        evaluators: &[Evaluator],
    ) -> Result<ChosenParameters, EvaluateError> {
        Ok(self.with_request(ensembles, images, evaluators, choose_parameters)??)
    }

    /// Makes the request for parameters that serve all of `ensembles`, and chooses by it.
    ///
    /// # Errors
    /// If a range is missing, or the reference evaluator is asked to hide the model.
    pub(crate) fn with_request<T>(
        &self,
        ensembles: &[RangedEnsemble<'_>],
        images: usize,
        evaluators: &[Evaluator],
        choose: impl FnOnce(&ParameterRequest<'_>) -> T,
    ) -> Result<T, EvaluateError> {
        if self.hide_model && evaluators.contains(&Evaluator::Reference) {
            return Err(ProtocolError::FloodingUnsupported.into());
        }
        // Proofs of the range are slow, so they run in parallel.
        let largest: Vec<i128> =
            ensembles.par_iter().map(|&ensemble| self.largest_logit(ensemble)).collect::<Result<_, _>>()?;
        let largest_logit = largest.into_iter().max().unwrap_or(0);
        let ensembles: Vec<&IntegerEnsemble> = ensembles.iter().map(|ranged| ranged.ensemble).collect();
        let evaluations: Vec<EvaluatorKind> = evaluators.iter().map(|&evaluator| evaluator.into()).collect();
        let kernel = evaluators.iter().find_map(|evaluator| match evaluator {
            Evaluator::Engine(kernel) => Some(*kernel),
            Evaluator::Reference => None,
        });
        let request = ParameterRequest {
            images,
            evaluators: &evaluations,
            kernel: kernel.unwrap_or_else(Kernel::detect),
            hide_model: self.hide_model,
            fixed: self.fixed.clone(),
            ..ParameterRequest::new(&ensembles, largest_logit)
        };
        Ok(choose(&request))
    }
}
