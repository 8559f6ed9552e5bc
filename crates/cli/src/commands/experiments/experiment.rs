//! `reproduce`, `train`, `export`, `evaluate`: an experiment up to a stage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sottovoce_dataset::DataSet;
use sottovoce_evaluate::Evaluation;
use sottovoce_report::run_tables;

use super::exactness::{EXIT_MISMATCH, Exactness};
use super::report;
use crate::args::experiments::data_options::SharedOptions;
use crate::args::experiments::experiment::{ReproduceOptions, RunOptions, StageOptions};
use crate::config::configuration::Configuration;
use crate::config::experiment::Experiment;
use crate::config::setting::{logit_ranges, settings};
use crate::config_error::ConfigError;
use crate::files;
use crate::output::{self, counted, to_value};
use crate::run::experiment_run::ExperimentRun;
use crate::run::folder::{RecordKind, RunFolder, check_experiment, explain_interrupt};
use crate::run::record::{Invocation, InvocationState, check_dataset};
use crate::run::results::Results;
use crate::stages::csv_records::{write_failures, write_records, write_setting_records};
use crate::stages::data::{Images, check_batch, check_images};
use crate::stages::elapsed::measure_elapsed_time;
use crate::stages::evaluate::{read_all_exported, read_exported};
use crate::stages::logit_ranges::evaluate_logit_ranges;
use crate::stages::outlook::outlook;
use crate::stages::{evaluate as evaluate_stage, export as export_stage, train as train_stage};

pub fn reproduce(options: &ReproduceOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let names: Vec<&str> = match options.experiments.as_slice() {
        [] if options.quick => vec!["quick"],
        [] => vec!["paper"],
        names => names.iter().map(String::as_str).collect(),
    };
    let options = &options.run;
    // All configurations are read before any work, so that a mistake in the last one is reported at once.
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
        let is_repeated = experiments.iter().take(index).any(|(_, earlier)| earlier.name == experiment.name);
        ensure!(
            !is_repeated,
            "two of the experiments have the name {:?}, so their records would go to the same folder",
            experiment.name
        );
    }
    let several = names.len() > 1;
    let mut outcome = Outcome::default();
    let mut records = Vec::new();
    for (configuration, experiment) in experiments {
        let name = experiment.name.clone();
        match reproduce_one(&configuration, experiment, options, several, shared) {
            Ok((outcome_of_one, value)) => {
                outcome.add(outcome_of_one);
                records.extend(value);
            }
            Err(error) if several => {
                output::remark(&format!("the experiment {name} failed; the other experiments continue"));
                output::error(&error);
                outcome.failures += 1;
                records.push(json!({ "experiment": name, "error": format!("{error:#}") }));
            }
            Err(error) => return Err(error),
        }
    }
    if shared.json {
        output::json(&to_value(&records));
    }
    Ok(outcome.exit_code())
}

/// Runs one experiment. Prints its tables, or returns its results with `--json`.
fn reproduce_one(
    configuration: &Configuration,
    experiment: Experiment,
    options: &RunOptions,
    several: bool,
    shared: &SharedOptions<'_>,
) -> Result<(Outcome, Option<Value>)> {
    let invocation = Invocation::begin("reproduce", &experiment.name);
    let mut run = prepare(configuration, experiment, options, several, shared)?;
    let results = run_all_stages(&mut run, &invocation)?;
    let files = sottovoce_report::write_report(run.folder.root())?;
    let outcome = Outcome { is_inexact: !check_exactness(&results), failures: run.failures.len() };
    if shared.json {
        return Ok((outcome, Some(describe(&run, &results, Some(&files)))));
    }
    report::print(run.folder.root(), &files)?;
    Ok((outcome, None))
}

/// The outcome of a command, from which its exit code follows.
#[derive(Debug, Clone, Copy, Default)]
struct Outcome {
    /// Set if a decrypted logit differs from the oracle's.
    is_inexact: bool,
    /// Number of settings or experiments that failed.
    failures: usize,
}

impl Outcome {
    fn add(&mut self, other: Self) {
        self.is_inexact |= other.is_inexact;
        self.failures += other.failures;
    }

    /// Inexact logits take precedence over failures.
    fn exit_code(self) -> ExitCode {
        match self {
            Self { is_inexact: true, .. } => ExitCode::from(EXIT_MISMATCH),
            Self { failures: 0, .. } => ExitCode::SUCCESS,
            Self { .. } => ExitCode::FAILURE,
        }
    }
}

pub fn train(stage: &StageOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let mut run = prepare_stage(stage, shared)?;
    train_stage::train(&mut run, &|_| Ok(()))?;
    let file = |setting: &str| run.folder.trained_members(setting);
    let files: Vec<PathBuf> = run.trained_settings().map(|setting| file(&setting.file_name())).collect();
    finish(&run, "trained", &files, shared)
}

pub fn export(stage: &StageOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let mut run = prepare_stage(stage, shared)?;
    train_stage::train(&mut run, &|_| Ok(()))?;
    export_stage::export(&mut run)?;
    // Networks that were exported earlier are checked as well.
    for setting in run.trained_settings() {
        read_exported(&run, setting)?;
    }
    let folder = |setting: &str| run.folder.ensemble(setting);
    let folders: Vec<PathBuf> = run.trained_settings().map(|setting| folder(&setting.file_name())).collect();
    finish(&run, "exported", &folders, shared)
}

pub fn evaluate(stage: &StageOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let (configuration, experiment) = load(stage)?;
    let invocation = Invocation::begin("evaluate", &experiment.name);
    let mut run = prepare(&configuration, experiment, &stage.run, false, shared)?;
    let results = run_all_stages(&mut run, &invocation)?;
    if shared.json {
        output::json(&describe(&run, &results, None));
    } else {
        output::result(&report::accuracy_text(&run_tables(run.folder.root())?));
        output::result(&format!("\nRecords are in {}.", run.folder.root().display()));
    }
    Ok(Outcome { is_inexact: !check_exactness(&results), failures: run.failures.len() }.exit_code())
}

/// Trains, exports, evaluates and measures what is missing. Settings that fail are recorded; the other settings continue.
fn run_all_stages(run: &mut ExperimentRun, invocation: &Invocation) -> Result<Results> {
    output::remark(&outlook(run)?);
    let mut results = Results::default();
    invocation.record(&run.folder, &run.data, &results, InvocationState::Running)?;
    let (folder, data) = (run.folder.clone(), run.data.clone());
    let after_training = |throughput| invocation.record_training(&folder, &data, throughput);
    let mut worked = train_stage::train(run, &after_training)?;
    worked |= export_stage::export(run)?;
    let ensembles = read_all_exported(run)?;
    let (settings, evaluated) = evaluate_stage::evaluate(run, &ensembles, |settings| {
        let results = Results { settings: settings.to_vec(), ..Results::default() };
        invocation.record(&folder, &data, &results, InvocationState::Running)
    })?;
    let failures = folder.csv_records("failures");
    ensure!(!settings.is_empty(), "every setting failed; {} has the errors", failures.display());
    results.settings = settings;
    worked |= evaluated;
    // The records of the settings are complete, and are kept if the program is stopped from here on.
    write_setting_records(run, &results)?;
    let (logit_ranges, evaluated) = evaluate_logit_ranges(run)?;
    results.logit_ranges = logit_ranges;
    worked |= evaluated;
    let (elapsed, measured) = measure_elapsed_time(run, &ensembles)?;
    results.elapsed = elapsed;
    worked |= measured;
    write_records(run, &results)?;
    let state = if worked { InvocationState::Finished } else { InvocationState::Idle };
    invocation.record(&folder, &data, &results, state)?;
    if !worked {
        output::remark("everything was evaluated before; the records have not changed");
    }
    if !run.failures.is_empty() {
        let count = counted(run.failures.len(), "setting", "settings");
        output::remark(&format!("{count} failed; {} has the errors", failures.display()));
    }
    Ok(results)
}

fn load(stage: &StageOptions) -> Result<(Configuration, Experiment)> {
    let configuration = Configuration::load(&stage.experiment, &stage.run.set)?;
    let experiment = configuration.clone().without_axes().map_err(ConfigError::from)?;
    Ok((configuration, experiment))
}

fn prepare_stage(stage: &StageOptions, shared: &SharedOptions<'_>) -> Result<ExperimentRun> {
    let (configuration, experiment) = load(stage)?;
    prepare(&configuration, experiment, &stage.run, false, shared)
}

/// The folder of a run. Runs on synthetic digits that replace a missing data set have a folder of their own, next to the folder
/// of runs on the data set.
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

/// Opens the data and the folder, and checks everything that can fail early.
fn prepare(
    configuration: &Configuration,
    mut experiment: Experiment,
    options: &RunOptions,
    several: bool,
    shared: &SharedOptions<'_>,
) -> Result<ExperimentRun> {
    let images = Images::open(&experiment.data, shared)?;
    let data = &images.data;
    if data.is_synthetic() && experiment.data.name != data.name {
        let sizes = experiment.elapsed.images.len();
        experiment.elapsed.images.retain(|&images| images <= data.train.len());
        if experiment.elapsed.images.len() < sizes {
            output::remark(&format!(
                "elapsed time is measured for at most {} images: the synthetic digits have no more",
                data.train.len()
            ));
        }
    }
    let largest = experiment.elapsed.images.iter().max().copied().unwrap_or(0);
    ensure!(
        largest <= data.train.len(),
        "`elapsed.images` holds {largest}, but the data set {} has {} training images",
        data.name,
        data.train.len(),
    );
    let (settings, logit_ranges) = (settings(&experiment)?, logit_ranges(&experiment)?);
    check_images(&experiment, data)?;
    if let Some((path, message)) = check_batch(&experiment, &settings, &images.training)? {
        return Err(ConfigError::from(configuration.field_problem(&path, message)).into());
    }
    let folder = folder(options, &experiment, several, data);
    check_experiment(&folder, RecordKind::Run, &experiment.name, options.replace)?;
    let folder = RunFolder::create(&folder)?;
    check_dataset(&folder, data, options.replace)?;
    let toml = toml::to_string(&experiment).context("cannot write the configuration as TOML")?;
    files::write(&folder.config(), toml.as_bytes())?;
    explain_interrupt(folder.root());
    let evaluator = options.evaluator.evaluator();
    let Images { data, training, validation } = images;
    let run = ExperimentRun {
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

fn finish(
    run: &ExperimentRun,
    done: &str,
    paths: &[PathBuf],
    shared: &SharedOptions<'_>,
) -> Result<ExitCode> {
    write_failures(run)?;
    if shared.json {
        output::json(&json!({ "run": run.folder.root(), done: paths, "failures": run.failures }));
    } else {
        for path in paths {
            output::result(&path.display().to_string());
        }
    }
    Ok(Outcome { is_inexact: false, failures: run.failures.len() }.exit_code())
}

/// Returns whether every decrypted logit equals the oracle's and no image left the range of logits. Prints the deviations.
fn check_exactness(results: &Results) -> bool {
    let title = |evaluation: &Evaluation| {
        let setting = &evaluation.setting;
        format!("{} setting {} seed {}", setting.split, setting.number, setting.seed)
    };
    let mut parts: Vec<(String, Exactness)> = Vec::new();
    for result in &results.settings {
        parts.push((title(&result.evaluation), Exactness::of(&result.evaluation)));
    }
    for (bits, evaluation) in &results.logit_ranges {
        parts.push((format!("{} trained for {bits} bits", title(evaluation)), Exactness::of(evaluation)));
    }
    if let Some(elapsed) = &results.elapsed {
        let exactness = Exactness { mismatches: elapsed.mismatches, images_outside: 0 };
        parts.push(("elapsed time".to_owned(), exactness));
    }
    for (subject, exactness) in &parts {
        exactness.warn(subject, "raise `encryption.range_margin`");
    }
    parts.iter().all(|(_, exactness)| exactness.is_exact())
}

fn describe(run: &ExperimentRun, results: &Results, files: Option<&[PathBuf]>) -> Value {
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
