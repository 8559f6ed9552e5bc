//! Encrypted evaluation, setting by setting.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sottovoce_bfv::planner::Choice;
use sottovoce_evaluate::{
    EncryptedImages, EvaluateError, Evaluation, Evaluator, RangeKind, RangedEnsemble, Session, SettingInputs,
    evaluate_setting,
};
use sottovoce_network::disk::{ExportedEnsemble, read_ensemble};
use sottovoce_network::{FloatNetwork, ObservedRange};

use super::{Failure, Found, Run, SettingResult, found};
use crate::config::{Experiment, SettingPlan};
use crate::output::{self, counted};
use crate::progress::StageProgress;
use crate::run_folder::{fingerprint, write_json};

/// Raised whenever evaluation records something else for the same networks.
const VERSION: u32 = 4;

/// Hash of everything that an evaluation is made from; `exported` identifies the networks, and `counts` are the validation and the test images. What
/// the planner chooses is no part of it: whatever ensembles need together, what decrypts is the same, so a setting that
/// joins later leaves finished ones valid. Each evaluation records the parameters that it was made under. What the
/// configuration asks for is a part.
pub fn evaluation_inputs(
    experiment: &Experiment,
    evaluator: Evaluator,
    exported: &str,
    (validation, test): (usize, usize),
    checksums: &BTreeMap<String, String>,
) -> Result<String> {
    // The export's inputs stand for its networks: their files are checked when they are read.
    fingerprint(&(VERSION, evaluator, exported, &experiment.encryption, validation, test, checksums))
}

impl Run {
    /// The exported ensembles of all settings, checked: networks that were altered on disk must not go unnoticed, even
    /// where nothing is left to do.
    pub fn ensembles(&self) -> Result<Vec<ExportedEnsemble>> {
        self.settings.iter().map(|plan| self.ensemble(plan)).collect()
    }

    pub fn ensemble(&self, plan: &SettingPlan) -> Result<ExportedEnsemble> {
        read_ensemble(&self.folder.ensemble(&plan.key()))
            .with_context(|| format!("cannot use the exported networks of {}", plan.key()))
    }

    /// Hash of everything that the evaluation of a setting is made from.
    pub(super) fn evaluation_inputs(&self, exported: &str) -> Result<String> {
        let counts = (self.validation.len(), self.data.test.len());
        evaluation_inputs(&self.experiment, self.evaluator, exported, counts, &self.data.checksums)
    }

    /// Parameters and keys that serve all of the run's settings, finished or not, so that a run that is
    /// resumed on the same kind of processor goes on under the parameters that it began with; none where no secure
    /// parameters serve all.
    pub(super) fn session(&self, ensembles: &[ExportedEnsemble]) -> Result<Option<Session>> {
        match self.session_for(ensembles) {
            Ok(session) => Ok(Some(session)),
            Err(EvaluateError::Parameters(error)) if ensembles.len() > 1 => {
                output::remark(&format!(
                    "every setting gets parameters of its own: for all together, {error}"
                ));
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    fn session_for(&self, ensembles: &[ExportedEnsemble]) -> Result<Session, EvaluateError> {
        let needs: Vec<RangedEnsemble<'_>> = ensembles.iter().map(need).collect();
        let policy = self.experiment.encryption.policy();
        let session = Session::new(&needs, &policy, self.data.test.len(), self.evaluator)?;
        output::remark(&plan_in_a_line(session.choice()));
        Ok(session)
    }

    /// Parameters and keys for one ensemble alone.
    pub(super) fn own_session(&self, exported: &ExportedEnsemble) -> Result<Session> {
        Ok(self.session_for(std::slice::from_ref(exported))?)
    }

    /// Evaluates every setting that is not evaluated yet, telling `evaluated` of all so far after each; also whether
    /// there was any to evaluate.
    ///
    /// The test images are encrypted once for all of them. Settings that cannot be evaluated are left out of the run.
    pub fn evaluate(
        &mut self,
        ensembles: &[ExportedEnsemble],
        evaluated: impl Fn(&[SettingResult]) -> Result<()>,
    ) -> Result<(Vec<SettingResult>, bool)> {
        let mut results = Vec::new();
        let mut missing = Vec::new();
        for (index, (plan, exported)) in self.settings.iter().zip(ensembles).enumerate() {
            let path = self.folder.evaluation(&plan.key());
            let evaluation: Option<Evaluation> =
                found(&path, &self.evaluation_inputs(&exported.origin.input_hash)?);
            match evaluation.filter(|evaluation| evaluation.setting == plan.setting) {
                Some(evaluation) => results.push((index, self.result(plan, exported, evaluation)?)),
                None => missing.push((index, plan, exported)),
            }
        }
        let worked = !missing.is_empty();
        let mut failures = Vec::new();
        if worked {
            warn_of_range(self.experiment.encryption.range);
            let common = self.session(ensembles)?;
            let set = common.as_ref().map(|session| EncryptedImages::new(session, &self.data.test));
            for (index, plan, exported) in missing {
                let context = || format!("cannot evaluate the setting {}", plan.key());
                let path = self.folder.evaluation(&plan.key());
                let evaluation = match &set {
                    Some(set) => self.evaluate_on(set, plan, exported, &plan.key()),
                    None => self.own_session(exported).and_then(|session| {
                        let set = EncryptedImages::new(&session, &self.data.test);
                        self.evaluate_on(&set, plan, exported, &plan.key())
                    }),
                };
                let evaluation = match evaluation.with_context(context) {
                    Ok(evaluation) => evaluation,
                    Err(error) => {
                        failures.push(Failure::of(plan, "evaluate", error)?);
                        continue;
                    }
                };
                let file =
                    Found { inputs: self.evaluation_inputs(&exported.origin.input_hash)?, found: evaluation };
                write_json(&path, &file)?;
                output::remark(&summary(&plan.key(), &file.found));
                // Finished ones may lie behind this one: kept in order.
                let place = results.partition_point(|(earlier, _)| *earlier < index);
                results.insert(place, (index, self.result(plan, exported, file.found)?));
                let so_far: Vec<SettingResult> = results.iter().map(|(_, result)| result.clone()).collect();
                evaluated(&so_far)?;
            }
        }
        self.leave_out(failures);
        Ok((results.into_iter().map(|(_, result)| result).collect(), worked))
    }

    fn result(
        &self,
        plan: &SettingPlan,
        exported: &ExportedEnsemble,
        evaluation: Evaluation,
    ) -> Result<SettingResult> {
        let votes = exported.origin.provenance.get("votes").cloned();
        Ok(SettingResult { evaluation, training: self.throughput(plan), votes })
    }

    /// Evaluates one ensemble on images that are encrypted for it.
    pub(super) fn evaluate_on(
        &self,
        set: &EncryptedImages<'_>,
        plan: &SettingPlan,
        exported: &ExportedEnsemble,
        title: &str,
    ) -> Result<Evaluation> {
        let trained = self.required(plan)?;
        let floats: Vec<FloatNetwork> = trained.members.into_iter().map(|member| member.float).collect();
        let inputs = SettingInputs {
            setting: &plan.setting,
            floats: &floats,
            ensemble: &exported.ensemble,
            observed_logit: need(exported).observed_logit,
            validation: &self.validation,
            test: set,
        };
        Ok(evaluate_setting(&inputs, &StageProgress::new(title.to_owned()))?)
    }
}

/// What was chosen, in one line; `sottovoce plan` says more.
fn plan_in_a_line(choice: &Choice) -> String {
    let parameters = &choice.parameters;
    format!(
        "encryption: N = {}, t of {:.1} bits in {}, Q of {:.0} bits in {} primes (128-bit security: at most {}), {}; a run \
         fails with a probability below 2^{:.0}",
        parameters.degree(),
        parameters.plaintext_bits(),
        counted(parameters.channels().len(), "modulus", "moduli"),
        parameters.ciphertext_modulus_bits(),
        parameters.ciphertext_primes().len(),
        parameters.security_limit_bits(),
        parameters.encryption(),
        choice.failure_probability_log2.ceil(),
    )
}

/// Tells whoever decrypts what a plaintext modulus by an observed range cannot promise.
pub fn warn_of_range(range: RangeKind) {
    if range == RangeKind::Observed {
        output::remark(
            "warning: the plaintext modulus rests on the OBSERVED range of logits. An image whose logits leave it \
             decrypts to wrong ones, which a client cannot see. `--range proven`, or `range = \"proven\"` in a \
             configuration, holds for every image, and costs more.",
        );
    }
}

/// What parameters must serve.
pub fn need(exported: &ExportedEnsemble) -> RangedEnsemble<'_> {
    let observed = exported.origin.observed.as_ref().map(ObservedRange::largest);
    RangedEnsemble { ensemble: &exported.ensemble, observed_logit: observed, proven_logit: None }
}

/// One line on what was found.
pub(super) fn summary(title: &str, evaluation: &Evaluation) -> String {
    let encrypted: Vec<String> = evaluation
        .accuracy
        .iter()
        .filter(|row| row.mismatches.is_some())
        .map(|row| format!("{} {:.2} %", row.voter, 100.0 * row.accuracy))
        .collect();
    let mismatches: u64 = evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum();
    let parameters = &evaluation.parameters;
    format!(
        "{title}: under encryption {}; {mismatches} mismatches; t of {:.0} bits, Q of {:.0}, {} bits of noise budget left",
        encrypted.join(", "),
        parameters.plaintext_bits.ceil(),
        parameters.ciphertext_modulus_bits,
        parameters.noise_budget_bits,
    )
}
