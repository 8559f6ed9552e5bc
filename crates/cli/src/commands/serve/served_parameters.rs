//! The parameters that a service has for batched and for packed evaluation.

use anyhow::{Context as _, Result};
use sottovoce_bfv::planner::{ChosenParameters, EvaluationForm, TransferRate};
use sottovoce_evaluate::{Evaluator, FormPlan, FormRule, ParameterPolicy, RangedEnsemble};
use sottovoce_service::{BatchCost, ModelCosts};

/// Number of images for which parameters are chosen: many batches of one client.
pub const PLANNED_IMAGES: usize = 100_000;

/// Parameters for both forms of evaluation of all models.
pub struct ServedParameters {
    pub batched: ChosenParameters,
    /// Parameters for packed evaluation, or the reason why there are none.
    pub packed: Result<ChosenParameters, String>,
}

impl ServedParameters {
    /// Chooses parameters for all models together.
    ///
    /// # Errors
    /// If there are none for batched evaluation.
    pub fn choose(
        policy: &ParameterPolicy,
        models: &[(&str, RangedEnsemble<'_>)],
        batched_only: bool,
    ) -> Result<Self> {
        let plan = |ensembles: &[RangedEnsemble<'_>]| {
            let (evaluator, rule) = (Evaluator::default(), FormRule::Fixed(EvaluationForm::Batched));
            FormPlan::new(policy, ensembles, PLANNED_IMAGES, evaluator, rule, TransferRate::NETWORK)
        };
        let all: Vec<RangedEnsemble<'_>> = models.iter().map(|(_, ranged)| *ranged).collect();
        let FormPlan { batched, packed, .. } = plan(&all).context("no parameters serve the models")?;
        let packed = match packed {
            _ if batched_only => Err("--batched-only excludes it".to_owned()),
            Ok(packed) => Ok(packed),
            // The first model that cannot be packed alone is the reason.
            Err(together) => {
                let refused = models.iter().find_map(|&(name, ranged)| {
                    let reason = plan(&[ranged]).ok()?.packed.err()?;
                    Some(format!("the model {name} cannot be packed: {reason}"))
                });
                Err(refused.unwrap_or_else(|| together.to_string()))
            }
        };
        Ok(Self { batched, packed })
    }

    /// The predicted costs of one batch of a model that reads `pixels`, and that has the share `share` of all models' work.
    pub fn model_costs(&self, pixels: usize, share: f64) -> ModelCosts {
        let cost = |choice: &ChosenParameters| {
            let (cost, images) = (&choice.cost, choice.parameters.images_per_batch());
            let batches = cost.batches.max(1) as f64;
            let of_model = |seconds: f64| share * seconds / batches;
            let evaluate_seconds = of_model(cost.evaluate_seconds);
            BatchCost {
                images: u32::try_from(images).unwrap_or(u32::MAX),
                seconds: cost.encrypt_seconds / batches + evaluate_seconds + of_model(cost.decrypt_seconds),
                evaluate_seconds,
                upload_bytes: cost.upload_bytes as u64,
                download_bytes: cost.download_bytes as u64,
                key_bytes: cost.key_bytes as u64,
            }
        };
        ModelCosts {
            pixels: u32::try_from(pixels).unwrap_or(u32::MAX),
            batched: cost(&self.batched),
            packed: self.packed.as_ref().ok().map(cost),
        }
    }
}
