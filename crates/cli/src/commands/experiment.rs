//! `reproduce`, `train`, `export`, `evaluate`: an experiment up to a stage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sottovoce_dataset::{DataSet, LabelledImages};
use sottovoce_evaluate::Evaluation;

use super::{EXIT_MISMATCH, report};
use crate::args::{Common, RunOptions, Stage};
use crate::config::{self, Experiment, SettingPlan};
use crate::output::{self, to_value};
use crate::run_folder::{self, RunFolder};
use crate::run_record::{Invocation, State, check_dataset};
use crate::stages::{self, Results, Run};

pub fn reproduce(names: &[&str], options: &RunOptions, common: &Common) -> Result<ExitCode> {
    // All configurations before any work: a mistake in the last one is told at once.
    let experiments = names.iter().map(|name| config::load(name)).collect::<Result<Vec<_>, _>>()?;
    for (index, experiment) in experiments.iter().enumerate() {
        let same = experiments[..index].iter().any(|earlier| earlier.name == experiment.name);
        ensure!(!same, "two of the experiments are called {:?}; they would share a folder", experiment.name);
    }
    let mut code = ExitCode::SUCCESS;
    let mut results = Vec::new();
    for (name, experiment) in names.iter().zip(experiments) {
        let invocation = Invocation::begin("reproduce", &experiment.name);
        let run = prepare(name, experiment, options, names.len() > 1, common)?;
        let found = evaluate_run(&run, &invocation)?;
        let files = sottovoce_report::write_report(run.folder.root())?;
        if !exact(&found) {
            code = ExitCode::from(EXIT_MISMATCH);
        }
        if common.json {
            results.push(describe(&run, &found, Some(&files)));
        } else {
            report::print(run.folder.root(), &files)?;
        }
    }
    if common.json {
        output::json(&to_value(&results));
    }
    Ok(code)
}

pub fn train(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let run = prepare_stage(stage, common)?;
    run.train(&|_| Ok(()))?;
    let files: Vec<PathBuf> = run.plans().map(|plan| run.folder.trained(&plan.key())).collect();
    finish(&run, "trained", &files, common)
}

pub fn export(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let run = prepare_stage(stage, common)?;
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
    let experiment = config::load(&stage.experiment)?;
    let invocation = Invocation::begin("evaluate", &experiment.name);
    let run = prepare(&stage.experiment, experiment, &stage.options, false, common)?;
    let results = evaluate_run(&run, &invocation)?;
    if common.json {
        output::json(&describe(&run, &results, None));
    } else {
        output::result(&report::accuracy_text(&run.folder.records("accuracy"))?);
        output::result(&format!("\nRecords are in {}.", run.folder.root().display()));
    }
    Ok(if exact(&results) { ExitCode::SUCCESS } else { ExitCode::from(EXIT_MISMATCH) })
}

/// Trains, exports, evaluates and measures what is missing.
fn evaluate_run(run: &Run, invocation: &Invocation) -> Result<Results> {
    output::remark(&run.outlook()?);
    let (folder, data) = (&run.folder, &run.data);
    let mut results = Results::default();
    invocation.record(folder, data, &results, State::Running)?;
    let mut worked = run.train(&|throughput| invocation.trained(folder, data, throughput))?;
    worked |= run.export()?;
    let ensembles = run.ensembles()?;
    let (settings, evaluated) = run.evaluate(&ensembles, |settings| {
        let results = Results { settings: settings.to_vec(), ..Results::default() };
        invocation.record(folder, data, &results, State::Running)
    })?;
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
    let toml = toml::to_string(&run.experiment).context("cannot write the configuration as TOML")?;
    run_folder::write(&folder.config(), toml.as_bytes())?;
    invocation.record(folder, data, &results, if worked { State::Finished } else { State::Idle })?;
    if !worked {
        output::remark("everything was evaluated already; the records are as they were");
    }
    Ok(results)
}

fn prepare_stage(stage: &Stage, common: &Common) -> Result<Run> {
    let name = &stage.experiment;
    prepare(name, config::load(name)?, &stage.options, false, common)
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
    name: &str,
    mut experiment: Experiment,
    options: &RunOptions,
    several: bool,
    common: &Common,
) -> Result<Run> {
    let plan = &experiment.data;
    let data = stages::open_plan(plan, common)?;
    if data.is_synthetic() && plan.name != data.name {
        let sizes = experiment.elapsed.images.len();
        experiment.elapsed.images.retain(|&images| images <= data.train.len());
        if experiment.elapsed.images.len() < sizes {
            output::remark(&format!(
                "elapsed time is measured over up to {} images, which is all that the synthetic digits have",
                data.train.len()
            ));
        }
    }
    let shape = &experiment.architecture;
    ensure!(
        data.train.side() == shape.image_side,
        "the data set {} has images of {side} x {side} pixels, but `architecture.image_side` is {}",
        data.name,
        shape.image_side,
        side = data.train.side(),
    );
    let labels = data.train.labels().iter().chain(data.test.labels());
    let largest = labels.max().copied().unwrap_or(0);
    ensure!(
        usize::from(largest) < shape.classes,
        "the data set {} has the label {largest}, but `architecture.classes` is {}",
        data.name,
        shape.classes,
    );
    let most = experiment.elapsed.images.iter().max().copied().unwrap_or(0);
    ensure!(
        most <= data.train.len(),
        "`elapsed.images` holds {most}, but the data set {} has {} training images",
        data.name,
        data.train.len(),
    );
    let (settings, logit_ranges) = (experiment.settings()?, experiment.logit_ranges()?);
    let (training, validation) = stages::training_and_validation(&experiment, &data)?;
    check_members(name, &experiment, &settings, &training)?;
    let folder = RunFolder::create(&folder(options, &experiment, several, &data))?;
    check_dataset(&folder, &data)?;
    let evaluator = options.evaluator.evaluator();
    let run = Run { experiment, settings, logit_ranges, data, training, validation, folder, evaluator };
    output::remark(&format!(
        "{}: {} ({} training, {} validation and {} test images), {} {}, to {}",
        run.experiment.name,
        run.data.name,
        run.training.len(),
        run.validation.len(),
        run.data.test.len(),
        run.settings.len(),
        if run.settings.len() == 1 { "setting" } else { "settings" },
        run.folder.root().display(),
    ));
    Ok(run)
}

/// Refuses settings whose members have fewer training images than a step takes. Settings for other logit ranges share out the
/// images in the same way.
fn check_members(
    name: &str,
    experiment: &Experiment,
    settings: &[SettingPlan],
    training: &LabelledImages,
) -> Result<()> {
    // The member with the fewest images of all: the count, the member from 1, and its setting.
    let mut fewest: Option<(usize, usize, String)> = None;
    for plan in settings {
        let partition = stages::share_out(training, plan)?;
        for (indices, member) in partition.indices.iter().zip(1..) {
            if fewest.as_ref().is_none_or(|(count, ..)| indices.len() < *count) {
                fewest = Some((indices.len(), member, plan.key()));
            }
        }
    }
    let Some((images, member, setting)) = fewest else { return Ok(()) };
    ensure!(
        images > 0,
        "member {member} of {setting} would have no training images; use more images or fewer members"
    );
    let batch = experiment.training.batch;
    if batch > images {
        let message = format!(
            "is {batch}, but member {member} of {setting} has {images} training images, the fewest of all members, and a batch may \
             not be larger; lower it, or use more images or fewer members"
        );
        return Err(config::field_problem(name, &["training", "batch"], &message).into());
    }
    Ok(())
}

fn finish(run: &Run, done: &str, paths: &[PathBuf], common: &Common) -> Result<ExitCode> {
    if common.json {
        output::json(&json!({ "run": run.folder.root(), done: paths }));
    } else {
        for path in paths {
            output::result(&path.display().to_string());
        }
    }
    Ok(ExitCode::SUCCESS)
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
        "logit_ranges": results.logit_ranges,
        "elapsed": results.elapsed,
    })
}
