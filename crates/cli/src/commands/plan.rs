//! `plan`: encryption parameters for exported networks, with their security and cost.

mod measure;
mod planned_ensemble;
mod tables;

use std::process::ExitCode;

use anyhow::{Result, bail};
use rayon::prelude::*;
use serde_json::{Value, json};
use sottovoce_bfv::STATISTICAL_DISTANCE_LOG2;
use sottovoce_bfv::planner::{ChosenParameters, TransferRate};
use sottovoce_evaluate::{FormPlan, ParameterPolicy, RangedEnsemble};
use sottovoce_network::RangeMethod;
use sottovoce_protocol::Fingerprint;

use crate::args::exported_networks::PlanOptions;
use crate::args::global::GlobalOptions;
use crate::args::policy::HIDING_ASSUMPTIONS;
use crate::commands::form_choice::FormChoice;
use crate::output::{self, add_field, to_value};
use measure::{MeasuredBatch, measure};
use planned_ensemble::PlannedEnsemble;

pub fn run(options: &PlanOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let images = options.images;
    let evaluator = options.evaluator.evaluator();
    // In parallel: the proven range of an ensemble takes a second of one core.
    let ensembles =
        options.weights.par_iter().map(|folder| PlannedEnsemble::read(folder)).collect::<Result<Vec<_>>>()?;
    check_images(&ensembles)?;
    let ranged: Vec<RangedEnsemble<'_>> = ensembles.iter().map(PlannedEnsemble::ranged).collect();
    let policy = options.policy.policy(ranged.iter().all(|one| one.observed_logit.is_some()))?;
    let rule = options.form.rule();
    let plan = FormPlan::new(&policy, &ranged, images, evaluator, rule, TransferRate::NETWORK)?;
    let choice = plan.chosen();
    let form = FormChoice::of(&plan, rule, images, TransferRate::NETWORK);
    let open = match policy.hide_model {
        true => Some(ParameterPolicy { hide_model: false, ..policy.clone() }.choose(
            &ranged,
            images,
            &[evaluator],
        )?),
        false => None,
    };
    let measured = match options.measure {
        true => Some(measure(&ranged, policy.range, choice, evaluator)?),
        false => None,
    };
    if global.json {
        let mut description = describe(&ensembles, &policy, choice, images, measured.as_ref());
        add_field(&mut description, "evaluation", form.record());
        let forms = json!({
            "batched": form_record(&plan.batched),
            "packed": plan.packed.as_ref().ok().map(form_record),
        });
        add_field(&mut description, "forms", forms);
        if let (Some(open), Some(flood)) = (&open, choice.flooding) {
            let hiding = json!({
                "noise_bits": flood.bits(),
                "statistical_distance_log2": STATISTICAL_DISTANCE_LOG2,
                "assumptions": HIDING_ASSUMPTIONS,
                "without": {
                    "degree": open.parameters.degree(),
                    "ciphertext_modulus_bits": open.parameters.ciphertext_modulus_bits(),
                    "predicted": to_value(&open.cost),
                },
            });
            add_field(&mut description, "hiding", hiding);
        }
        output::json(&description);
    } else {
        let tables = [
            tables::ranges(&ensembles, &policy),
            tables::parameters(choice, evaluator),
            tables::noise(choice, measured.as_ref()),
            tables::cost(choice, images, measured.as_ref()),
            tables::forms(&plan, &form),
        ];
        let hiding_cost = open.as_ref().map(|open| tables::hiding_cost(open, choice));
        let text: Vec<String> = tables.iter().chain(&hiding_cost).map(|table| table.to_text()).collect();
        output::result(&text.join("\n"));
    }
    output::warn_of_range(policy.range);
    Ok(ExitCode::SUCCESS)
}

/// Refuses ensembles that read different images: they cannot share encrypted images.
fn check_images(ensembles: &[PlannedEnsemble]) -> Result<()> {
    let Some((first, others)) = ensembles.split_first() else { return Ok(()) };
    for other in others {
        let (one, two) = (&first.exported.ensemble, &other.exported.ensemble);
        if one.pixel_levels() != two.pixel_levels()
            || one.architecture().image_side != two.architecture().image_side
        {
            bail!(
                "{} and {} read images of different sizes or grey levels, so they cannot share encrypted images; plan them one \
                 by one",
                first.folder.display(),
                other.folder.display()
            );
        }
    }
    Ok(())
}

/// The parameters of one form of evaluation as JSON.
fn form_record(choice: &ChosenParameters) -> Value {
    let parameters = &choice.parameters;
    json!({
        "degree": parameters.degree(),
        "plaintext_moduli": parameters.plaintext_moduli(),
        "ciphertext_primes": parameters.ciphertext_primes(),
        "key_modulus_bits": parameters.key_modulus_bits(),
        "noise": noise_record(choice),
        "margin_bits": choice.margin_bits,
        "failure_probability_log2": choice.failure_probability_log2,
        "predicted": to_value(&choice.cost),
    })
}

fn noise_record(choice: &ChosenParameters) -> Vec<Value> {
    let stages = tables::layer_noise(choice);
    let record = |noise: &tables::LayerNoise| json!({ "stage": noise.layer, "expected_bits": noise.expected_bits, "limit_bits": noise.limit_bits });
    stages.iter().map(record).collect()
}

/// The plan as JSON.
fn describe(
    ensembles: &[PlannedEnsemble],
    policy: &ParameterPolicy,
    choice: &ChosenParameters,
    images: usize,
    measured: Option<&MeasuredBatch>,
) -> Value {
    let ranges: Vec<Value> = ensembles
        .iter()
        .map(|ensemble| {
            let proven: serde_json::Map<String, Value> = RangeMethod::ALL
                .map(|method| (method.to_string(), ensemble.proven.by(method).largest().to_string().into()))
                .into_iter()
                .collect();
            json!({
                "weights": ensemble.folder,
                "model_fingerprint": Fingerprint::of_ensemble(&ensemble.exported.ensemble).to_string(),
                "observed": ensemble.ranged().observed_logit.map(|logit| logit.to_string()),
                "proven": proven,
            })
        })
        .collect();
    let parameters = &choice.parameters;
    json!({
        "images": images,
        "rests_on": policy.range,
        "ranges": ranges,
        "degree": parameters.degree(),
        "encryption": parameters.encryption(),
        "plaintext_moduli": parameters.plaintext_moduli(),
        "plaintext_bits": parameters.plaintext_bits(),
        "ciphertext_primes": parameters.ciphertext_primes(),
        "ciphertext_modulus_bits": parameters.ciphertext_modulus_bits(),
        "key_modulus_bits": parameters.key_modulus_bits(),
        "security_limit_bits": parameters.security_limit_bits(),
        "hidden_primes": parameters.hidden_primes(),
        "answer_primes": tables::answer_primes(choice),
        "noise": noise_record(choice),
        "failure_probability_log2": choice.failure_probability_log2,
        "predicted": to_value(&choice.cost),
        "measured": to_value(&measured),
    })
}
