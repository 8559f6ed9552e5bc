//! Encrypted evaluation, setting by setting.

use std::fs;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sottovoce_evaluate::records::write_rows;
use sottovoce_evaluate::{Evaluation, Subject, evaluate_setting};
use sottovoce_network::FloatNetwork;

use super::Run;
use crate::config::SettingPlan;
use crate::output;
use crate::progress::StageProgress;
use crate::run_folder::{fingerprint, write_json};

/// Raised whenever evaluation records something else for the same networks.
const VERSION: u32 = 2;

/// Contents of `settings/<setting>.json`.
#[derive(Serialize, Deserialize)]
struct EvaluationFile {
    inputs: String,
    evaluation: Evaluation,
}

impl Run {
    /// Evaluates every setting that is not evaluated yet, telling `evaluated` of all so far after each, and
    /// writes the records of all; also whether there was any to evaluate.
    pub fn evaluate(
        &self,
        evaluated: impl Fn(&[Evaluation]) -> Result<()>,
    ) -> Result<(Vec<Evaluation>, bool)> {
        let mut evaluations = Vec::new();
        let mut worked = false;
        for plan in &self.settings {
            let (evaluation, new) = self
                .evaluate_once(plan)
                .with_context(|| format!("cannot evaluate the setting {}", plan.key()))?;
            if new {
                output::remark(&summary(plan, &evaluation));
            }
            evaluations.push(evaluation);
            worked |= new;
            evaluated(&evaluations)?;
        }
        let accuracy: Vec<_> = evaluations.iter().flat_map(|e| e.accuracy.clone()).collect();
        let layers: Vec<_> = evaluations.iter().flat_map(|e| e.layers.clone()).collect();
        write_rows(&self.folder.accuracy(), &accuracy)?;
        write_rows(&self.folder.layers(), &layers)?;
        Ok((evaluations, worked))
    }

    /// The evaluation of a setting, and whether it had to be made.
    fn evaluate_once(&self, plan: &SettingPlan) -> Result<(Evaluation, bool)> {
        // Read even when there is nothing to do: altered networks must not go unnoticed.
        let (trained, exported) = self.exported(plan)?;
        let encryption = &self.experiment.encryption;
        // The export's inputs stand for its networks: their files have just been checked.
        let inputs = fingerprint(&(
            VERSION,
            self.evaluator,
            &exported.origin.inputs,
            encryption,
            self.data.test.len(),
            &self.data.checksums,
        ))?;
        let path = self.folder.evaluation(&plan.key());
        let found =
            fs::read(&path).ok().and_then(|text| serde_json::from_slice::<EvaluationFile>(&text).ok());
        if let Some(file) = found
            && file.inputs == inputs
            && file.evaluation.setting == plan.setting
        {
            return Ok((file.evaluation, false));
        }
        let floats: Vec<FloatNetwork> = trained.members.into_iter().map(|member| member.float).collect();
        let observed = exported.origin.observed.context("the exported ensemble has no observed range")?;
        let subject = Subject {
            setting: &plan.setting,
            floats: &floats,
            ensemble: &exported.ensemble,
            observed_logit: observed.largest(),
            range_margin: encryption.range_margin,
            encryption: encryption.key,
            test: &self.data.test,
            evaluator: self.evaluator,
        };
        let progress = StageProgress::new(plan.key());
        let evaluation = evaluate_setting(&subject, &progress)?;
        drop(progress);
        let file = EvaluationFile { inputs, evaluation };
        write_json(&path, &file)?;
        Ok((file.evaluation, true))
    }
}

/// One line on what was found.
fn summary(plan: &SettingPlan, evaluation: &Evaluation) -> String {
    let encrypted: Vec<String> = evaluation
        .accuracy
        .iter()
        .filter(|row| row.mismatches.is_some())
        .map(|row| format!("{} {:.2} %", row.voter, 100.0 * row.accuracy))
        .collect();
    let mismatches: u64 = evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum();
    let parameters = &evaluation.parameters;
    format!(
        "{}: under encryption {}; {mismatches} mismatches; t of {} bits, Q of {:.0}, {} bits of noise budget left",
        plan.key(),
        encrypted.join(", "),
        64 - parameters.plaintext_modulus.leading_zeros(),
        parameters.ciphertext_modulus_bits,
        parameters.noise_budget_bits,
    )
}
