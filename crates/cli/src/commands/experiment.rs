//! `reproduce`, `train`, `export`, `evaluate`: an experiment up to a stage.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sottovoce_evaluate::Evaluation;

use super::report;
use crate::args::{Common, Out, Stage};
use crate::config::{self, Experiment};
use crate::output::{self, to_value};
use crate::run_folder::{self, RunFolder};
use crate::run_record::Invocation;
use crate::stages::{self, Run};

/// Decrypted logits differ from the oracle: the one promise that must never be broken.
const EXIT_MISMATCH: u8 = 3;

pub fn reproduce(names: &[&str], out: &Out, common: &Common) -> Result<ExitCode> {
    // All configurations before any work: a mistake in the last one is told at once.
    let experiments = names.iter().map(|name| config::load(name)).collect::<Result<Vec<_>, _>>()?;
    let mut code = ExitCode::SUCCESS;
    let mut results = Vec::new();
    for experiment in experiments {
        let folder = folder(out, &experiment, names.len() > 1);
        let invocation = Invocation::begin();
        let run = prepare(experiment, &folder, common)?;
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
    let invocation = Invocation::begin();
    let run = prepare_stage(stage, common)?;
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
    let mut worked = run.train()?;
    worked |= run.export()?;
    let (evaluations, evaluated) = run.evaluate()?;
    invocation.record(&run.folder, &run.data, &evaluations, worked || evaluated)?;
    if !worked && !evaluated {
        output::remark("everything was evaluated already; the records are as they were");
    }
    Ok(evaluations)
}

fn prepare_stage(stage: &Stage, common: &Common) -> Result<Run> {
    let experiment = config::load(&stage.experiment)?;
    let folder = folder(&stage.out, &experiment, false);
    prepare(experiment, &folder, common)
}

fn folder(out: &Out, experiment: &Experiment, several: bool) -> PathBuf {
    match &out.out {
        Some(folder) if several => folder.join(&experiment.name),
        Some(folder) => folder.clone(),
        None => Path::new("results").join(&experiment.name),
    }
}

/// Makes sure of everything that can fail early: the folder, the data, the split.
fn prepare(experiment: Experiment, folder: &Path, common: &Common) -> Result<Run> {
    let folder = RunFolder::create(folder)?;
    let (data, shape) = (&experiment.data, &experiment.architecture);
    let data = stages::open(&data.name, data.train_images, data.test_images, common)?;
    ensure!(
        data.train.side() == shape.image_side,
        "the data set {} has images of {side} x {side} pixels, but `architecture.image_side` is {}",
        data.name,
        shape.image_side,
        side = data.train.side(),
    );
    let settings = experiment.settings()?;
    let toml = toml::to_string(&experiment).context("cannot write the configuration as TOML")?;
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
    run_folder::write(&folder.config(), toml.as_bytes())?;
    Ok(Run { experiment, settings, data, folder })
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
