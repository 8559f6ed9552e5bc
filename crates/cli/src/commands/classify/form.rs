//! The choice between batched and packed evaluation for a request to a provider.

use anyhow::{Result, bail};
use sottovoce_bfv::planner::{EvaluationForm, FormCosts, RequestCost, TransferRate};
use sottovoce_evaluate::FormRule;
use sottovoce_service::{BatchCost, ModelCosts};

use crate::args::service::ClassifyOptions;
use crate::commands::client_folder::ClientFolder;
use crate::commands::form_choice::FormChoice;

/// Chooses the form of evaluation for `images` images by the costs that the provider predicts.
///
/// # Errors
/// If --evaluation asks for packed evaluation, which is not possible.
pub fn choose(
    options: &ClassifyOptions,
    folder: &ClientFolder<'_>,
    costs: Option<&ModelCosts>,
    images: usize,
) -> Result<FormChoice> {
    let (rule, rate) = (options.form.rule(), TransferRate::NETWORK);
    let costs = match possible_costs(options, folder, costs, images)? {
        Err(reason) if rule == FormRule::Fixed(EvaluationForm::Packed) => {
            bail!("--evaluation packed is not possible: {reason}")
        }
        costs => costs,
    };
    let form = match (rule, &costs) {
        (_, Err(_)) => EvaluationForm::Batched,
        (FormRule::Fixed(form), _) => form,
        (FormRule::Prefer(preference), Ok(costs)) => costs.choose(preference, rate),
    };
    Ok(FormChoice { form, rule, images, rate, costs })
}

/// Returns the costs of both forms, or the reason why packed evaluation is not possible.
fn possible_costs(
    options: &ClassifyOptions,
    folder: &ClientFolder<'_>,
    costs: Option<&ModelCosts>,
    images: usize,
) -> Result<Result<FormCosts, String>> {
    let Some((batched, packed)) = costs.and_then(|costs| Some((costs.batched, costs.packed?))) else {
        return Ok(Err("the provider serves only batched evaluation".to_owned()));
    };
    if !options.check_images.is_empty() {
        return Ok(Err("--check-images needs the spare slots of a batch".to_owned()));
    }
    if let Some(reason) = folder.packed_refusal()? {
        return Ok(Err(reason));
    }
    Ok(Ok(FormCosts { batched: request_cost(batched, images), packed: request_cost(packed, images) }))
}

/// The costs of all images. The provider's numbers decide nothing but the form, and any of them is a valid number.
fn request_cost(batch: BatchCost, images: usize) -> RequestCost {
    let per_batch = u64::from(batch.images.max(1));
    let batches = (images as u64).div_ceil(per_batch);
    let seconds = |seconds: f64| seconds.max(0.0);
    RequestCost {
        compute_seconds: batches as f64 * seconds(batch.seconds),
        full_batch_seconds_per_image: seconds(batch.evaluate_seconds) / per_batch as f64,
        upload_bytes: batches.saturating_mul(batch.upload_bytes),
        download_bytes: batches.saturating_mul(batch.download_bytes),
        key_bytes: batch.key_bytes,
    }
}
