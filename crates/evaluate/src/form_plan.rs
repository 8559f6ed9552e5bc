//! Parameters for both forms of evaluation, and the choice between them for a number of images.

use sottovoce_bfv::ParametersError;
use sottovoce_bfv::planner::{
    ChosenParameters, EvaluationForm, FormCosts, Preference, RequestCost, TransferRate,
    choose_packed_parameters, choose_parameters,
};
use sottovoce_protocol::Evaluator;

use crate::error::EvaluateError;
use crate::parameter_policy::{ParameterPolicy, RangedEnsemble};

/// The rule by which one of the forms of evaluation is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormRule {
    /// The form that costs less.
    Prefer(Preference),
    /// This form.
    Fixed(EvaluationForm),
}

/// Parameters for both forms of evaluation of one request.
#[derive(Debug)]
pub struct FormPlan {
    /// The form that the request uses.
    pub form: EvaluationForm,
    /// Parameters for batched evaluation.
    pub batched: ChosenParameters,
    /// Parameters for packed evaluation, or the reason why there are none.
    pub packed: Result<ChosenParameters, ParametersError>,
}

impl FormPlan {
    /// Chooses parameters for both forms of evaluation of `images` images with all of `ensembles`, and one of the forms by `rule`. Batches
    /// and answers are transferred at `rate`.
    ///
    /// # Errors
    /// If there are no parameters for batched evaluation, or none for the form that the rule fixes.
    pub fn new(
        policy: &ParameterPolicy,
        ensembles: &[RangedEnsemble<'_>],
        images: usize,
        evaluator: Evaluator,
        rule: FormRule,
        rate: TransferRate,
    ) -> Result<Self, EvaluateError> {
        let (batched, packed) = policy.with_request(ensembles, images, &[evaluator], |request| {
            (choose_parameters(request), choose_packed_parameters(request))
        })?;
        let mut plan = Self { form: EvaluationForm::Batched, batched: batched?, packed };
        plan.form = match (rule, plan.costs()) {
            (FormRule::Fixed(EvaluationForm::Packed), None) => {
                return Err(plan.packed.err().map_or(EvaluateError::NoEnsembles, EvaluateError::from));
            }
            (FormRule::Fixed(form), _) => form,
            (FormRule::Prefer(_), None) => EvaluationForm::Batched,
            (FormRule::Prefer(preference), Some(costs)) => costs.choose(preference, rate),
        };
        Ok(plan)
    }

    /// The parameters of the form that the request uses.
    #[must_use]
    pub fn chosen(&self) -> &ChosenParameters {
        match (self.form, &self.packed) {
            (EvaluationForm::Packed, Ok(packed)) => packed,
            _ => &self.batched,
        }
    }

    /// The reason why there are no parameters for packed evaluation, or nothing if there are.
    #[must_use]
    pub fn refusal(&self) -> String {
        self.packed.as_ref().err().map(ToString::to_string).unwrap_or_default()
    }

    /// The costs of both forms, if there are parameters for packed evaluation.
    #[must_use]
    pub fn costs(&self) -> Option<FormCosts> {
        let cost =
            |choice: &ChosenParameters| RequestCost::new(&choice.cost, choice.parameters.images_per_batch());
        Some(FormCosts { batched: cost(&self.batched), packed: cost(self.packed.as_ref().ok()?) })
    }
}
