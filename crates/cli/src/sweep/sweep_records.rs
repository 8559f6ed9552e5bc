//! The records of a sweep: `sweep.json`, `table.csv`, `failures.csv`, and the records of every point.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sottovoce_evaluate::Evaluation;
use sottovoce_evaluate::records::{AccuracyRow, encode_rows};
use sottovoce_network::{IntegerEnsemble, IntegerNetwork};

use super::steps::SweepSteps;
use super::store::TrainingTime;
use super::units::Unit;
use crate::config::sweep::SweepConfig;
use crate::files;
use crate::json_files::write_json;
use crate::run::experiment_run::ExperimentRun;
use crate::run::folder::{RunFolder, SWEEP_RECORD};
use crate::run::record::{Invocation, InvocationState, dataset_title};
use crate::run::results::{Results, SettingResult, Throughput};
use crate::stages::csv_records::write_setting_records;

/// The state of a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointState {
    /// The point's records are written.
    Done,
    /// At least one seed of the point could not be trained, exported or evaluated.
    Failed(Vec<PointFailure>),
    /// The point is not finished.
    Open,
}

/// One row of `failures.csv`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PointFailure {
    pub point: String,
    pub seed: u64,
    /// `train`, `export` or `evaluate`.
    pub stage: &'static str,
    /// The error with its causes.
    pub error: String,
}

/// The folder of the point `name`, in the folder of a sweep.
fn point_folder(folder: &Path, name: &str) -> PathBuf {
    folder.join("points").join(name)
}

/// The states of all points, by their files: a point with a table is done.
pub fn states_on_disk(folder: &Path, sweep: &SweepConfig) -> Vec<PointState> {
    let is_done = |name: &str| fs::exists(point_folder(folder, name).join(TABLE)).unwrap_or(false);
    let state = |name: &str| if is_done(name) { PointState::Done } else { PointState::Open };
    sweep.points.iter().map(|point| state(&point.name)).collect()
}

/// Writes all records of the sweep for the states so far.
pub fn write_records(folder: &Path, steps: &SweepSteps<'_>, states: &[PointState]) -> Result<()> {
    write_table(folder, steps.sweep, states)?;
    write_failures(folder, states)?;
    write_sweep(folder, steps, states)
}

/// Writes `sweep.json`: the axes, and every point with its values and its state.
pub fn write_sweep(folder: &Path, steps: &SweepSteps<'_>, states: &[PointState]) -> Result<()> {
    let sweep = steps.sweep;
    let axes: Vec<Value> = sweep
        .groups
        .iter()
        .enumerate()
        .flat_map(|(group, axes)| axes.iter().map(move |axis| (group, axis)))
        .map(|(group, axis)| json!({ "path": axis.path, "values": axis.value_texts(), "group": group }))
        .collect();
    let points: Vec<Value> = sweep
        .points
        .iter()
        .zip(states)
        .map(|(point, state)| {
            let paths = sweep.axes().map(|axis| axis.path.clone());
            let values: Map<String, Value> =
                paths.zip(point.values.iter().map(|value| Value::String(value.clone()))).collect();
            let (state, error) = match state {
                PointState::Done => ("done", None),
                PointState::Open => ("open", None),
                PointState::Failed(failures) => {
                    ("failed", failures.first().map(|failure| failure.error.clone()))
                }
            };
            json!({ "point": point.name, "values": values, "state": state, "error": error })
        })
        .collect();
    let data = &steps.data_sets.of(&sweep.points.first().context("a sweep has a point")?.experiment)?.data;
    let record = json!({
        "name": sweep.name,
        "dataset": { "name": dataset_title(data), "synthetic": data.is_synthetic() },
        "axes": axes,
        "seeds": sweep.base.ensemble.seeds,
        "points": points,
    });
    write_json(&folder.join(SWEEP_RECORD), &record)
}

/// Writes `failures.csv`, or deletes it if nothing failed.
fn write_failures(folder: &Path, states: &[PointState]) -> Result<()> {
    let failures: Vec<&PointFailure> = states
        .iter()
        .flat_map(|state| match state {
            PointState::Failed(failures) => failures.as_slice(),
            _ => &[],
        })
        .collect();
    let path = folder.join("failures.csv");
    if failures.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        };
    }
    files::write(&path, &encode_rows(&failures).context("cannot encode failures as CSV")?)
}

/// Writes `table.csv`: the tables of the points that are done, in the order of the points.
fn write_table(folder: &Path, sweep: &SweepConfig, states: &[PointState]) -> Result<()> {
    let mut table = Vec::new();
    for (point, state) in sweep.points.iter().zip(states) {
        if *state != PointState::Done {
            continue;
        }
        let path = point_folder(folder, &point.name).join(TABLE);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // Every table has the header; it is kept once.
        let rows = text.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        table.extend_from_slice(if table.is_empty() { &text } else { text.get(rows..).unwrap_or_default() });
    }
    files::write(&folder.join(TABLE), &table)
}

/// The tidy table of a sweep, and of each of its points.
const TABLE: &str = "table.csv";

/// Columns of `table.csv` after the axes.
const COLUMNS: [&str; 18] = [
    "seed",
    "voter",
    "domain",
    "images",
    "correct",
    "accuracy",
    "mismatches",
    "outside",
    "plaintext_bits",
    "ciphertext_bits",
    "upload_bytes",
    "answer_bytes",
    "hidden_density",
    "noise_budget_bits",
    "training_seconds",
    "encryption_seconds",
    "provider_seconds",
    "decryption_seconds",
];

/// The evaluation of one seed of a point.
pub struct EvaluatedUnit<'a> {
    pub unit: &'a Unit,
    pub evaluation: Evaluation,
    pub ensemble: IntegerEnsemble,
    pub votes: Option<String>,
    pub training: TrainingTime,
}

/// Writes the records of the point with the index `point`: those that a run has, and the point's part of `table.csv`.
pub fn write_point(
    folder: &Path,
    steps: &SweepSteps<'_>,
    point: usize,
    evaluated: Vec<EvaluatedUnit<'_>>,
    invocation: &Invocation,
) -> Result<()> {
    let sweep = steps.sweep;
    let point = sweep.points.get(point).context("there is no such point")?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["point"].into_iter().chain(sweep.axes().map(|axis| axis.path.as_str())).chain(COLUMNS);
    table.write_record(header).context("cannot encode the table as CSV")?;
    for one in &evaluated {
        for row in &one.evaluation.accuracy {
            let fields =
                [point.name.clone()].into_iter().chain(point.values.iter().cloned()).chain(fields(one, row));
            table.write_record(fields).context("cannot encode the table as CSV")?;
        }
    }
    let table = table.into_inner().context("cannot encode the table as CSV")?;

    let folder = RunFolder::create(&point_folder(folder, &point.name))?;
    let images = steps.data_sets.of(&point.experiment)?;
    let run = ExperimentRun {
        experiment: point.experiment.clone(),
        settings: evaluated.iter().map(|one| one.unit.setting.clone()).collect(),
        logit_ranges: Vec::new(),
        failures: Vec::new(),
        data: images.data.clone(),
        training: images.training.clone(),
        validation: images.validation.clone(),
        folder: folder.clone(),
        evaluator: steps.evaluator,
    };
    let settings = evaluated.into_iter().map(|one| SettingResult {
        training: Some(Throughput::new(one.training.images, one.training.seconds)),
        votes: one.votes,
        evaluation: one.evaluation,
    });
    let results = Results { settings: settings.collect(), ..Results::default() };
    let toml = toml::to_string(&point.experiment).context("cannot write the configuration as TOML")?;
    files::write(&folder.config(), toml.as_bytes())?;
    write_setting_records(&run, &results)?;
    invocation.record(&folder, &run.data, &results, InvocationState::Finished)?;
    // The table is written last: it marks the point as done.
    files::write(&folder.root().join(TABLE), &table)
}

/// The fields of one row of `table.csv` after the axes.
fn fields(one: &EvaluatedUnit<'_>, row: &AccuracyRow) -> Vec<String> {
    let Evaluation { layers, sizes, parameters, range, .. } = &one.evaluation;
    let seconds = |of: &dyn Fn(&str) -> bool| -> f64 {
        layers.iter().filter(|layer| of(&layer.layer)).map(|layer| layer.seconds).sum()
    };
    let (encryption, decryption) = ("EncryptedLayer", "Decryption");
    let bytes =
        |message: &str| sizes.iter().find(|size| size.message == message).map_or(0, |size| size.bytes);
    vec![
        row.seed.to_string(),
        row.voter.clone(),
        row.domain.to_string(),
        row.images.to_string(),
        row.correct.to_string(),
        row.accuracy.to_string(),
        row.mismatches.map_or_else(String::new, |count| count.to_string()),
        range.images_outside.to_string(),
        parameters.plaintext_bits.to_string(),
        parameters.ciphertext_modulus_bits.to_string(),
        bytes("upload").to_string(),
        bytes("answer").to_string(),
        hidden_density(&one.ensemble, &row.voter).to_string(),
        parameters.noise_budget_bits.to_string(),
        one.training.seconds.to_string(),
        seconds(&|layer| layer == encryption).to_string(),
        seconds(&|layer| layer != encryption && layer != decryption).to_string(),
        seconds(&|layer| layer == decryption).to_string(),
    ]
}

/// The share of nonzero weights in the hidden layer, of one member (`member-1`, ...) or of all members together.
fn hidden_density(ensemble: &IntegerEnsemble, voter: &str) -> f64 {
    let number: Option<usize> = voter.strip_prefix("member-").and_then(|number| number.parse().ok());
    let members: Vec<&IntegerNetwork> = match number {
        Some(number) => ensemble.members().get(number.wrapping_sub(1)).into_iter().collect(),
        None => ensemble.members().iter().collect(),
    };
    let (mut nonzero, mut all) = (0_usize, 0_usize);
    for member in members {
        let weights = member.hidden().weights();
        nonzero += weights.iter().filter(|weight| **weight != 0).count();
        all += weights.len();
    }
    nonzero as f64 / all.max(1) as f64
}
