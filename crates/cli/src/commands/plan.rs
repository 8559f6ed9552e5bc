//! `plan`: encryption parameters for exported networks, with what they are worth and what they will cost.

mod measure;
mod tables;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use rayon::prelude::*;
use serde_json::{Value, json};
use sottovoce_bfv::HIDING_LOG2;
use sottovoce_bfv::planner::Choice;
use sottovoce_evaluate::{ParameterPolicy, RangedEnsemble};
use sottovoce_network::disk::ExportedEnsemble;
use sottovoce_network::{ProvenRange, RangeMethod};

use super::weights;
use crate::args::{Common, PlanOptions};
use crate::output::{self, to_value};
use crate::stages::{need, warn_of_range};
use measure::{Measured, measure as measured};

/// An exported ensemble, and how large its logits can be.
struct Weights {
    folder: PathBuf,
    exported: ExportedEnsemble,
    proven: ProvenRange,
}

impl Weights {
    fn read(folder: &Path) -> Result<Self> {
        let exported = weights::read(folder)?;
        let proven = ProvenRange::of(&exported.ensemble);
        Ok(Self { folder: folder.to_owned(), exported, proven })
    }

    fn need(&self) -> RangedEnsemble<'_> {
        RangedEnsemble { proven_logit: Some(self.proven.best().1), ..need(&self.exported) }
    }
}

pub fn run(options: &PlanOptions, common: &Common) -> Result<ExitCode> {
    let images = options.images;
    let evaluator = options.evaluator.evaluator();
    // A second of one core for each.
    let weights =
        options.weights.par_iter().map(|folder| Weights::read(folder)).collect::<Result<Vec<_>>>()?;
    for other in &weights[1..] {
        let (first, found) = (&weights[0].exported.ensemble, &other.exported.ensemble);
        if found.pixel_levels() != first.pixel_levels()
            || found.architecture().image_side != first.architecture().image_side
        {
            bail!(
                "{} and {} read different images, so one encryption cannot serve both; plan them one by one",
                weights[0].folder.display(),
                other.folder.display()
            );
        }
    }
    let needs: Vec<RangedEnsemble<'_>> = weights.iter().map(Weights::need).collect();
    let policy = options.policy.policy(needs.iter().all(|need| need.observed_logit.is_some()))?;
    let choice = policy.choose(&needs, images, &[evaluator])?;
    let open = match policy.hide_model {
        true => Some(ParameterPolicy { hide_model: false, ..policy.clone() }.choose(
            &needs,
            images,
            &[evaluator],
        )?),
        false => None,
    };
    let measured = match options.measure {
        true => Some(measured(&needs, policy.range, &choice, evaluator)?),
        false => None,
    };
    if common.json {
        let mut plan = describe(&weights, &policy, &choice, images, measured.as_ref());
        if let (Some(open), Some(flood)) = (&open, choice.flood) {
            plan["hiding"] = json!({
                "noise_bits": flood.bits(),
                "statistical_distance_log2": HIDING_LOG2,
                "without": {
                    "degree": open.parameters.degree(),
                    "ciphertext_modulus_bits": open.parameters.ciphertext_modulus_bits(),
                    "predicted": to_value(&open.cost),
                },
            });
        }
        output::json(&plan);
    } else {
        let tables = [
            tables::ranges(&weights, &policy),
            tables::parameters(&choice, evaluator),
            tables::noise(&choice, measured.as_ref()),
            tables::cost(&choice, images, measured.as_ref()),
        ];
        let price = open.as_ref().map(|open| tables::price(open, &choice));
        let text: Vec<String> = tables.iter().chain(&price).map(|table| table.to_text()).collect();
        output::result(&text.join("\n"));
    }
    warn_of_range(policy.range);
    Ok(ExitCode::SUCCESS)
}

fn describe(
    weights: &[Weights],
    policy: &ParameterPolicy,
    choice: &Choice,
    images: usize,
    measured: Option<&Measured>,
) -> Value {
    let ranges: Vec<Value> = weights
        .iter()
        .map(|weights| {
            let proven: serde_json::Map<String, Value> = RangeMethod::ALL
                .map(|method| (method.to_string(), weights.proven.by(method).largest().to_string().into()))
                .into_iter()
                .collect();
            json!({
                "weights": weights.folder,
                "observed": weights.need().observed_logit.map(|logit| logit.to_string()),
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
        "noise": tables::stages(choice)
            .iter()
            .map(|stage| json!({ "stage": stage.name, "expected_bits": stage.expected, "limit_bits": stage.limit }))
            .collect::<Vec<_>>(),
        "failure_probability_log2": choice.failure_probability_log2,
        "predicted": to_value(&choice.cost),
        "measured": to_value(&measured),
    })
}
