//! Encrypted evaluation of every setting.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sottovoce_bfv::planner::ChosenParameters;
use sottovoce_evaluate::{
    EncryptedImages, EvaluateError, Evaluation, Evaluator, RangedEnsemble, Session, SettingInputs,
    evaluate_setting,
};
use sottovoce_network::FloatNetwork;
use sottovoce_network::disk::{ExportedEnsemble, read_ensemble};

use super::cache::{Cached, read_cached};
use super::train::{require_trained, throughput};
use crate::config::experiment::Experiment;
use crate::config::setting::SeededSetting;
use crate::json_files::{fingerprint, write_json};
use crate::output::{self, counted};
use crate::progress::StageProgress;
use crate::run::experiment_run::{ExperimentRun, SettingFailure};
use crate::run::results::SettingResult;

/// Raise this whenever evaluation records something else for the same networks.
const VERSION: u32 = 4;

/// Hash of everything that an evaluation is made from. `exported` identifies the networks; the pair holds the numbers of
/// validation and test images.
///
/// The table `[encryption]` is part of the hash. The parameters that the planner chooses are not: decrypted logits are the
/// same under any parameters, so an evaluation stays valid when further settings make the planner choose others. Each
/// evaluation records its parameters.
pub fn evaluation_hash(
    experiment: &Experiment,
    evaluator: Evaluator,
    exported: &str,
    (validation, test): (usize, usize),
    checksums: &BTreeMap<String, String>,
) -> Result<String> {
    // The hash of the export stands for its networks, whose files are checked when they are read.
    fingerprint(&(VERSION, evaluator, exported, &experiment.encryption, validation, test, checksums))
}

/// Reads and checks the exported ensembles of all settings. Networks that were altered on disk are an error, even if nothing is
/// left to do.
pub fn read_all_exported(run: &ExperimentRun) -> Result<Vec<ExportedEnsemble>> {
    run.settings.iter().map(|setting| read_exported(run, setting)).collect()
}

/// Reads and checks the exported ensemble of `setting`.
pub fn read_exported(run: &ExperimentRun, setting: &SeededSetting) -> Result<ExportedEnsemble> {
    read_ensemble(&run.folder.ensemble(&setting.file_name()))
        .with_context(|| format!("cannot use the exported networks of {}", setting.file_name()))
}

/// [`evaluation_hash`] for the experiment and data of `run`; `exported` identifies the networks.
pub fn run_evaluation_hash(run: &ExperimentRun, exported: &str) -> Result<String> {
    let counts = (run.validation.len(), run.data.test.len());
    evaluation_hash(&run.experiment, run.evaluator, exported, counts, &run.data.checksums)
}

/// Parameters and keys for all settings of the run together; `None` if no secure parameters serve all of them.
///
/// Finished settings count as well, so that a run that is resumed on the same kind of processor keeps its parameters.
pub fn common_session(run: &ExperimentRun, ensembles: &[ExportedEnsemble]) -> Result<Option<Session>> {
    match session_for(run, ensembles) {
        Ok(session) => Ok(Some(session)),
        Err(EvaluateError::Parameters(error)) if ensembles.len() > 1 => {
            output::remark(&format!(
                "every setting gets its own parameters: for all settings together, {error}"
            ));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

fn session_for(run: &ExperimentRun, ensembles: &[ExportedEnsemble]) -> Result<Session, EvaluateError> {
    let ranged: Vec<RangedEnsemble<'_>> = ensembles.iter().map(RangedEnsemble::from).collect();
    let policy = run.experiment.encryption.policy();
    let session = Session::new(&ranged, &policy, run.data.test.len(), run.evaluator)?;
    output::remark(&describe_choice(session.choice()));
    Ok(session)
}

/// Parameters and keys for one ensemble.
pub fn separate_session(run: &ExperimentRun, exported: &ExportedEnsemble) -> Result<Session> {
    Ok(session_for(run, std::slice::from_ref(exported))?)
}

/// Evaluates every setting that is not evaluated yet. Returns all results, and whether any evaluation was made now. Calls
/// `after_setting` with all results so far after each evaluation.
///
/// The test images are encrypted once for all settings. Settings that cannot be evaluated are left out of the run.
///
/// # Errors
/// If a file cannot be read or written, or `after_setting` fails.
pub fn evaluate(
    run: &mut ExperimentRun,
    ensembles: &[ExportedEnsemble],
    after_setting: impl Fn(&[SettingResult]) -> Result<()>,
) -> Result<(Vec<SettingResult>, bool)> {
    let mut results = Vec::new();
    let mut missing = Vec::new();
    for (index, (setting, exported)) in run.settings.iter().zip(ensembles).enumerate() {
        let path = run.folder.evaluation(&setting.file_name());
        let input_hash = run_evaluation_hash(run, &exported.origin.input_hash)?;
        let evaluation: Option<Evaluation> = read_cached(&path, &input_hash);
        match evaluation.filter(|evaluation| evaluation.setting == setting.id) {
            Some(evaluation) => results.push((index, setting_result(run, setting, exported, evaluation))),
            None => missing.push((index, setting, exported, input_hash)),
        }
    }
    let worked = !missing.is_empty();
    let mut failures = Vec::new();
    if worked {
        output::warn_of_range(run.experiment.encryption.range);
        let common = common_session(run, ensembles)?;
        let set = common.as_ref().map(|session| EncryptedImages::new(session, &run.data.test));
        for (index, setting, exported, input_hash) in missing {
            let name = setting.file_name();
            let evaluation = match &set {
                Some(set) => evaluate_on(run, set, setting, exported, &name),
                None => separate_session(run, exported).and_then(|session| {
                    let set = EncryptedImages::new(&session, &run.data.test);
                    evaluate_on(run, &set, setting, exported, &name)
                }),
            };
            let evaluation = match evaluation.with_context(|| format!("cannot evaluate the setting {name}")) {
                Ok(evaluation) => evaluation,
                Err(error) => {
                    failures.push(SettingFailure::new(setting, "evaluate", error)?);
                    continue;
                }
            };
            let file = Cached { input_hash, result: evaluation };
            write_json(&run.folder.evaluation(&name), &file)?;
            output::remark(&summary(&name, &file.result));
            // Results stay in the order of the settings; finished ones may come after this one.
            let position = results.partition_point(|(earlier, _)| *earlier < index);
            results.insert(position, (index, setting_result(run, setting, exported, file.result)));
            let so_far: Vec<SettingResult> = results.iter().map(|(_, result)| result.clone()).collect();
            after_setting(&so_far)?;
        }
    }
    run.leave_out(failures);
    Ok((results.into_iter().map(|(_, result)| result).collect(), worked))
}

fn setting_result(
    run: &ExperimentRun,
    setting: &SeededSetting,
    exported: &ExportedEnsemble,
    evaluation: Evaluation,
) -> SettingResult {
    let votes = exported.origin.provenance.get("votes").cloned();
    SettingResult { evaluation, training: throughput(run, setting), votes }
}

/// Evaluates the ensemble of `setting` on the encrypted images `set`.
pub fn evaluate_on(
    run: &ExperimentRun,
    set: &EncryptedImages<'_>,
    setting: &SeededSetting,
    exported: &ExportedEnsemble,
    title: &str,
) -> Result<Evaluation> {
    let trained = require_trained(run, setting)?;
    let floats: Vec<FloatNetwork> = trained.members.into_iter().map(|member| member.float).collect();
    let inputs = SettingInputs {
        setting: &setting.id,
        floats: &floats,
        ensemble: &exported.ensemble,
        observed_logit: RangedEnsemble::from(exported).observed_logit,
        validation: &run.validation,
        test: set,
    };
    Ok(evaluate_setting(&inputs, &StageProgress::new(title.to_owned()))?)
}

/// One line on the chosen parameters; `sottovoce plan` prints more.
fn describe_choice(choice: &ChosenParameters) -> String {
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

/// One line on an evaluation.
pub fn summary(title: &str, evaluation: &Evaluation) -> String {
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
