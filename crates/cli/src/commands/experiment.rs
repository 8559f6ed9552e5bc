//! `reproduce`, `train`, `export`, `evaluate`: an experiment up to a stage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sottovoce_dataset::DataSet;
use sottovoce_evaluate::Evaluation;
use sottovoce_report::report::run_tables;

use super::{EXIT_MISMATCH, report};
use crate::args::{Common, RunOptions, Stage};
use crate::config::{ConfigError, Configuration, Experiment};
use crate::interrupt;
use crate::output::{self, counted, to_value};
use crate::run_folder::{self, Kind, RunFolder, check_claim};
use crate::run_record::{Invocation, State, check_dataset};
use crate::stages::{self, Results, Run};

pub fn reproduce(names: &[&str], options: &RunOptions, common: &Common) -> Result<ExitCode> {
    // All configurations before any work: a mistake in the last one is told at once.
    let load = |name: &&str| {
        let configuration = Configuration::load(name, &options.set)?;
        configuration
            .clone()
            .without_axes()
            .map(|experiment| (configuration, experiment))
            .map_err(ConfigError::from)
    };
    let experiments = names.iter().map(load).collect::<Result<Vec<_>, _>>()?;
    for (index, (_, experiment)) in experiments.iter().enumerate() {
        let same = experiments[..index].iter().any(|(_, earlier)| earlier.name == experiment.name);
        ensure!(!same, "two of the experiments are called {:?}; they would share a folder", experiment.name);
    }
    let several = names.len() > 1;
    let mut outcome = Outcome::default();
    let mut results = Vec::new();
    for (configuration, experiment) in experiments {
        let name = experiment.name.clone();
        match reproduce_one(&configuration, experiment, options, several, common) {
            Ok((outcome_of_one, value)) => {
                outcome.add(outcome_of_one);
                results.extend(value);
            }
            // The others may still run.
            Err(error) if several => {
                output::remark(&format!("the experiment {name} failed; the others go on"));
                output::error(&error);
                outcome.failures += 1;
                results.push(json!({ "experiment": name, "error": format!("{error:#}") }));
            }
            Err(error) => return Err(error),
        }
    }
    if common.json {
        output::json(&to_value(&results));
    }
    Ok(outcome.exit_code())
}

/// Runs one experiment and prints its tables; with `--json` returns what it found instead.
fn reproduce_one(
    configuration: &Configuration,
    experiment: Experiment,
    options: &RunOptions,
    several: bool,
    common: &Common,
) -> Result<(Outcome, Option<Value>)> {
    let invocation = Invocation::begin("reproduce", &experiment.name);
    let mut run = prepare(configuration, experiment, options, several, common)?;
    let found = evaluate_run(&mut run, &invocation)?;
    let files = sottovoce_report::write_report(run.folder.root())?;
    let outcome = Outcome { inexact: !exact(&found), failures: run.failures.len() };
    if common.json {
        return Ok((outcome, Some(describe(&run, &found, Some(&files)))));
    }
    report::print(run.folder.root(), &files)?;
    Ok((outcome, None))
}

/// How a command ended.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// Set if a decrypted logit differs from the oracle's.
    inexact: bool,
    /// Settings or experiments that could not be run.
    failures: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.inexact |= other.inexact;
        self.failures += other.failures;
    }

    /// The promise that was broken weighs more than the work that was not done.
    fn exit_code(self) -> ExitCode {
        match self {
            Self { inexact: true, .. } => ExitCode::from(EXIT_MISMATCH),
            Self { failures: 0, .. } => ExitCode::SUCCESS,
            Self { .. } => ExitCode::FAILURE,
        }
    }
}

pub fn train(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let mut run = prepare_stage(stage, common)?;
    run.train(&|_| Ok(()))?;
    let files: Vec<PathBuf> = run.plans().map(|plan| run.folder.trained(&plan.key())).collect();
    finish(&run, "trained", &files, common)
}

pub fn export(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let mut run = prepare_stage(stage, common)?;
    run.train(&|_| Ok(()))?;
    run.export()?;
    // Networks that were there already are checked, too.
    for plan in run.plans() {
        run.ensemble(plan)?;
    }
    let folders: Vec<PathBuf> = run.plans().map(|plan| run.folder.ensemble(&plan.key())).collect();
    finish(&run, "exported", &folders, common)
}

pub fn evaluate(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let (configuration, experiment) = load(stage)?;
    let invocation = Invocation::begin("evaluate", &experiment.name);
    let mut run = prepare(&configuration, experiment, &stage.options, false, common)?;
    let results = evaluate_run(&mut run, &invocation)?;
    if common.json {
        output::json(&describe(&run, &results, None));
    } else {
        output::result(&report::accuracy_text(&run_tables(run.folder.root())?));
        output::result(&format!("\nRecords are in {}.", run.folder.root().display()));
    }
    Ok(Outcome { inexact: !exact(&results), failures: run.failures.len() }.exit_code())
}

/// Trains, exports, evaluates and measures what is missing. Settings that fail are recorded, and the others go on.
fn evaluate_run(run: &mut Run, invocation: &Invocation) -> Result<Results> {
    output::remark(&run.outlook()?);
    let mut results = Results::default();
    invocation.record(&run.folder, &run.data, &results, State::Running)?;
    let (folder, data) = (run.folder.clone(), run.data.clone());
    let mut worked = run.train(&|throughput| invocation.trained(&folder, &data, throughput))?;
    worked |= run.export()?;
    let ensembles = run.ensembles()?;
    let (settings, evaluated) = run.evaluate(&ensembles, |settings| {
        let results = Results { settings: settings.to_vec(), ..Results::default() };
        invocation.record(&folder, &data, &results, State::Running)
    })?;
    ensure!(!settings.is_empty(), "every setting failed; {} says why", folder.records("failures").display());
    results.settings = settings;
    worked |= evaluated;
    // All settings are there: who stops the program now has their records.
    run.write_setting_records(&results)?;
    let (logit_ranges, evaluated) = run.evaluate_logit_ranges(|_| Ok(()))?;
    results.logit_ranges = logit_ranges;
    worked |= evaluated;
    let (elapsed, measured) = run.measure_elapsed(&ensembles)?;
    results.elapsed = elapsed;
    worked |= measured;
    run.write_records(&results)?;
    invocation.record(&folder, &data, &results, if worked { State::Finished } else { State::Idle })?;
    if !worked {
        output::remark("everything was evaluated already; the records are as they were");
    }
    if !run.failures.is_empty() {
        output::remark(&format!(
            "{} failed: {} says why",
            counted(run.failures.len(), "setting", "settings"),
            folder.records("failures").display()
        ));
    }
    Ok(results)
}

fn load(stage: &Stage) -> Result<(Configuration, Experiment)> {
    let configuration = Configuration::load(&stage.experiment, &stage.options.set)?;
    let experiment = configuration.clone().without_axes().map_err(ConfigError::from)?;
    Ok((configuration, experiment))
}

fn prepare_stage(stage: &Stage, common: &Common) -> Result<Run> {
    let (configuration, experiment) = load(stage)?;
    prepare(&configuration, experiment, &stage.options, false, common)
}

/// Where a run goes. Synthetic digits that took another data set's place get a folder of their own, beside
/// the one where its runs are.
fn folder(options: &RunOptions, experiment: &Experiment, several: bool, data: &DataSet) -> PathBuf {
    let name = if data.is_synthetic() && experiment.data.name != data.name {
        format!("{}-synthetic", experiment.name)
    } else {
        experiment.name.clone()
    };
    match &options.out {
        Some(folder) if several => folder.join(name),
        Some(folder) => folder.clone(),
        None => Path::new("results").join(name),
    }
}

/// Makes sure of everything that can fail early: the data, the split, the folder.
fn prepare(
    configuration: &Configuration,
    mut experiment: Experiment,
    options: &RunOptions,
    several: bool,
    common: &Common,
) -> Result<Run> {
    let images = stages::Images::open(&experiment.data, common)?;
    let data = &images.data;
    if data.is_synthetic() && experiment.data.name != data.name {
        let sizes = experiment.elapsed.images.len();
        experiment.elapsed.images.retain(|&images| images <= data.train.len());
        if experiment.elapsed.images.len() < sizes {
            output::remark(&format!(
                "elapsed time is measured over up to {} images, which is all that the synthetic digits have",
                data.train.len()
            ));
        }
    }
    let most = experiment.elapsed.images.iter().max().copied().unwrap_or(0);
    ensure!(
        most <= data.train.len(),
        "`elapsed.images` holds {most}, but the data set {} has {} training images",
        data.name,
        data.train.len(),
    );
    let (settings, logit_ranges) = (experiment.settings()?, experiment.logit_ranges()?);
    stages::check_fit(&experiment, data)?;
    if let Some((path, message)) = stages::small_member(&experiment, &settings, &images.training)? {
        return Err(ConfigError::from(configuration.field_problem(&path, message)).into());
    }
    let folder = folder(options, &experiment, several, data);
    check_claim(&folder, Kind::Run, &experiment.name, options.replace)?;
    let folder = RunFolder::create(&folder)?;
    check_dataset(&folder, data, options.replace)?;
    let toml = toml::to_string(&experiment).context("cannot write the configuration as TOML")?;
    run_folder::write(&folder.config(), toml.as_bytes())?;
    interrupt::announce(folder.root());
    let evaluator = options.evaluator.evaluator();
    let stages::Images { data, training, validation } = images;
    let run = Run {
        experiment,
        settings,
        logit_ranges,
        failures: Vec::new(),
        data,
        training,
        validation,
        folder,
        evaluator,
    };
    output::remark(&format!(
        "{}: {} ({} training, {} validation and {} test images), {}, to {}",
        run.experiment.name,
        run.data.name,
        run.training.len(),
        run.validation.len(),
        run.data.test.len(),
        counted(run.settings.len(), "setting", "settings"),
        run.folder.root().display(),
    ));
    Ok(run)
}

fn finish(run: &Run, done: &str, paths: &[PathBuf], common: &Common) -> Result<ExitCode> {
    run.write_failures()?;
    if common.json {
        output::json(&json!({ "run": run.folder.root(), done: paths, "failures": run.failures }));
    } else {
        for path in paths {
            output::result(&path.display().to_string());
        }
    }
    Ok(Outcome { inexact: false, failures: run.failures.len() }.exit_code())
}

/// Whether every decrypted logit equals the oracle's and none left its range; says so where not.
fn exact(results: &Results) -> bool {
    let setting = |evaluation: &Evaluation| {
        let setting = &evaluation.setting;
        format!("{} setting {} seed {}", setting.split, setting.number, setting.seed)
    };
    let settings = results.settings.iter().map(|result| &result.evaluation);
    let mut found: Vec<(String, &Evaluation)> =
        settings.map(|evaluation| (setting(evaluation), evaluation)).collect();
    found.extend(
        results.logit_ranges.iter().map(|(bits, evaluation)| {
            (format!("{} trained for {bits} bits", setting(evaluation)), evaluation)
        }),
    );
    let mut exact = true;
    for (name, evaluation) in found {
        let mismatches: u64 = evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum();
        let outside = evaluation.range.images_outside;
        if mismatches > 0 || outside > 0 {
            exact = false;
            output::remark(&format!(
                "NOT EXACT: {name}: {mismatches} decrypted logits differ from the integer oracle; {outside} images \
                 have logits beyond the plaintext modulus (raise `encryption.range_margin`)",
            ));
        }
    }
    let mismatches = results.elapsed.as_ref().map_or(0, |elapsed| elapsed.mismatches);
    if mismatches > 0 {
        exact = false;
        output::remark(&format!(
            "NOT EXACT: elapsed time: {mismatches} decrypted logits differ from the integer oracle"
        ));
    }
    exact
}

fn describe(run: &Run, results: &Results, files: Option<&[PathBuf]>) -> serde_json::Value {
    let evaluations: Vec<&Evaluation> = results.settings.iter().map(|result| &result.evaluation).collect();
    json!({
        "run": run.folder.root(),
        "dataset": run.data.name,
        "synthetic": run.data.is_synthetic(),
        "files": files,
        "settings": evaluations,
        "failures": run.failures,
        "logit_ranges": results.logit_ranges,
        "elapsed": results.elapsed,
    })
}
