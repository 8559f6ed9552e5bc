//! `reproduce`, `train`, `export`, `evaluate`: an experiment up to a stage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sottovoce_dataset::DataSet;
use sottovoce_evaluate::Evaluation;

use super::{EXIT_MISMATCH, report};
use crate::args::{Common, RunOptions, Stage};
use crate::config::{self, Experiment};
use crate::output::{self, to_value};
use crate::run_folder::{self, RunFolder};
use crate::run_record::{Invocation, State, check_dataset};
use crate::stages::{self, Run};

pub fn reproduce(names: &[&str], options: &RunOptions, common: &Common) -> Result<ExitCode> {
    // All configurations before any work: a mistake in the last one is told at once.
    let experiments = names.iter().map(|name| config::load(name)).collect::<Result<Vec<_>, _>>()?;
    for (index, experiment) in experiments.iter().enumerate() {
        let same = experiments[..index].iter().any(|earlier| earlier.name == experiment.name);
        ensure!(!same, "two of the experiments are called {:?}; they would share a folder", experiment.name);
    }
    let mut code = ExitCode::SUCCESS;
    let mut results = Vec::new();
    for experiment in experiments {
        let invocation = Invocation::begin("reproduce", &experiment.name);
        let run = prepare(experiment, options, names.len() > 1, common)?;
        let evaluations = evaluate_run(&run, &invocation)?;
        let files = sottovoce_report::write_report(run.folder.root())?;
        if !exact(&evaluations) {
            code = ExitCode::from(EXIT_MISMATCH);
        }
        if common.json {
            results.push(describe(&run, &evaluations, Some(&files)));
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
    run.train()?;
    let files: Vec<PathBuf> = run.settings.iter().map(|plan| run.folder.trained(&plan.key())).collect();
    finish(&run, "trained", &files, common)
}

pub fn export(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let run = prepare_stage(stage, common)?;
    run.train()?;
    run.export()?;
    // Also reads and so checks networks that were there already.
    for plan in &run.settings {
        run.exported(plan)?;
    }
    let folders: Vec<PathBuf> = run.settings.iter().map(|plan| run.folder.ensemble(&plan.key())).collect();
    finish(&run, "exported", &folders, common)
}

pub fn evaluate(stage: &Stage, common: &Common) -> Result<ExitCode> {
    let run = prepare_stage(stage, common)?;
    let invocation = Invocation::begin("evaluate", &run.experiment.name);
    let evaluations = evaluate_run(&run, &invocation)?;
    if common.json {
        output::json(&describe(&run, &evaluations, None));
    } else {
        output::result(&report::accuracy_text(&run.folder.accuracy())?);
        output::result(&format!("\nRecords are in {}.", run.folder.root().display()));
    }
    Ok(if exact(&evaluations) { ExitCode::SUCCESS } else { ExitCode::from(EXIT_MISMATCH) })
}

/// Trains, exports and evaluates what is missing.
fn evaluate_run(run: &Run, invocation: &Invocation) -> Result<Vec<Evaluation>> {
    let record =
        |evaluations: &[Evaluation], state| invocation.record(&run.folder, &run.data, evaluations, state);
    record(&[], State::Running)?;
    let mut worked = run.train()?;
    worked |= run.export()?;
    let (evaluations, evaluated) = run.evaluate(|evaluations| record(evaluations, State::Running))?;
    worked |= evaluated;
    let toml = toml::to_string(&run.experiment).context("cannot write the configuration as TOML")?;
    run_folder::write(&run.folder.config(), toml.as_bytes())?;
    record(&evaluations, if worked { State::Finished } else { State::Idle })?;
    if !worked {
        output::remark("everything was evaluated already; the records are as they were");
    }
    Ok(evaluations)
}

fn prepare_stage(stage: &Stage, common: &Common) -> Result<Run> {
    prepare(config::load(&stage.experiment)?, &stage.options, false, common)
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
fn prepare(experiment: Experiment, options: &RunOptions, several: bool, common: &Common) -> Result<Run> {
    let (plan, shape) = (&experiment.data, &experiment.architecture);
    let data = stages::open(&plan.name, plan.train_images, plan.test_images, common)?;
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
    let settings = experiment.settings()?;
    let folder = RunFolder::create(&folder(options, &experiment, several, &data))?;
    check_dataset(&folder, &data)?;
    let (members, epochs) = (
        settings.len() * experiment.ensemble.members,
        experiment.training.float_epochs + experiment.training.quantised_epochs,
    );
    output::remark(&format!(
        "{}: {} ({} training and {} test images), {} {}, {members} members, {epochs} epochs, to {}",
        experiment.name,
        data.name,
        data.train.len(),
        data.test.len(),
        settings.len(),
        if settings.len() == 1 { "setting" } else { "settings" },
        folder.root().display(),
    ));
    let run = Run { experiment, settings, data, folder, evaluator: options.evaluator.into() };
    for plan in &run.settings {
        let counts = run.partition(plan)?.indices;
        let idle = counts.iter().position(Vec::is_empty);
        ensure!(
            idle.is_none(),
            "member {} of {} would have no training images; use more images or fewer members",
            idle.unwrap_or(0) + 1,
            plan.key(),
        );
    }
    Ok(run)
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
fn exact(evaluations: &[Evaluation]) -> bool {
    let mut exact = true;
    for evaluation in evaluations {
        let mismatches: u64 = evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum();
        let outside = evaluation.range.images_outside;
        if mismatches > 0 || outside > 0 {
            exact = false;
            let setting = &evaluation.setting;
            output::remark(&format!(
                "NOT EXACT: {} setting {} seed {}: {mismatches} decrypted logits differ from the integer oracle; \
                 {outside} images have logits beyond the plaintext modulus (raise `encryption.range_margin`)",
                setting.split, setting.number, setting.seed,
            ));
        }
    }
    exact
}

fn describe(run: &Run, evaluations: &[Evaluation], files: Option<&[PathBuf]>) -> serde_json::Value {
    json!({
        "run": run.folder.root(),
        "dataset": run.data.name,
        "synthetic": run.data.is_synthetic(),
        "files": files,
        "settings": evaluations,
    })
}
