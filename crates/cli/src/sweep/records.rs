//! The records of a sweep: `sweep.json`, `table.csv`, `failures.csv`, and those of every point.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::{Map, Value, json};
use sottovoce_evaluate::Evaluation;
use sottovoce_evaluate::records::{AccuracyRow, encode_rows};
use sottovoce_network::{IntegerEnsemble, IntegerNetwork};

use super::store::TrainingTime;
use super::units::Unit;
use super::work::Work;
use crate::config::Study;
use crate::run_folder::{self, RunFolder, SWEEP_RECORD, write_json};
use crate::run_record::{Invocation, State, dataset_title};
use crate::stages::{Results, Run, SettingResult, Throughput};

/// State of a point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PointState {
    /// Its records are there.
    Done,
    /// A seed of it could not be trained, exported or evaluated.
    Failed(Vec<PointFailure>),
    /// The point has not been run to its end.
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

/// The folder of a point.
pub fn point_folder(sweep: &Path, name: &str) -> PathBuf {
    sweep.join("points").join(name)
}

/// Writes `sweep.json`: the axes, and every point with its values and its state.
pub fn write_sweep(sweep: &Path, work: &Work<'_>, states: &[PointState]) -> Result<()> {
    let study = work.study;
    let axes: Vec<Value> = study
        .groups
        .iter()
        .enumerate()
        .flat_map(|(group, axes)| axes.iter().map(move |axis| (group, axis)))
        .map(|(group, axis)| json!({ "path": axis.path, "values": axis.texts(), "group": group }))
        .collect();
    let points: Vec<Value> = study
        .points
        .iter()
        .zip(states)
        .map(|(point, state)| {
            let paths = study.axes().map(|axis| axis.path.clone());
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
    let data = &work.data_sets.of(&study.points.first().context("a sweep has a point")?.experiment)?.data;
    let record = json!({
        "name": study.name,
        "dataset": { "name": dataset_title(data), "synthetic": data.is_synthetic() },
        "axes": axes,
        "seeds": study.base.ensemble.seeds,
        "points": points,
    });
    write_json(&sweep.join(SWEEP_RECORD), &record)
}

/// Writes `failures.csv`; removes it where nothing failed.
pub fn write_failures(sweep: &Path, states: &[PointState]) -> Result<()> {
    let failures: Vec<&PointFailure> = states
        .iter()
        .flat_map(|state| match state {
            PointState::Failed(failures) => failures.as_slice(),
            _ => &[],
        })
        .collect();
    let path = sweep.join("failures.csv");
    if failures.is_empty() {
        return match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", path.display()))
            }
            _ => Ok(()),
        };
    }
    run_folder::write(&path, &encode_rows(&failures).context("cannot encode failures as CSV")?)
}

/// Writes `table.csv` from the tables of the points that are there, in the points' order.
///
/// # Errors
/// If a file cannot be read or written.
pub fn write_table(sweep: &Path, study: &Study, states: &[PointState]) -> Result<()> {
    let mut table = Vec::new();
    for (point, state) in study.points.iter().zip(states) {
        if *state != PointState::Done {
            continue;
        }
        let path = point_folder(sweep, &point.name).join(TABLE);
        let text = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        // The header stands in each of them.
        let rows = text.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        table.extend_from_slice(if table.is_empty() { &text } else { text.get(rows..).unwrap_or_default() });
    }
    run_folder::write(&sweep.join(TABLE), &table)
}

/// The tidy table of a sweep and of each point.
const TABLE: &str = "table.csv";

/// Columns of `table.csv` behind the axes.
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

/// One seed of a point, evaluated.
pub struct Evaluated<'a> {
    pub unit: &'a Unit,
    pub evaluation: Evaluation,
    pub ensemble: IntegerEnsemble,
    pub votes: Option<String>,
    pub training: TrainingTime,
}

/// Writes the records of a point: those of a run of `reproduce`, and its part of `table.csv`.
pub fn write_point(
    sweep: &Path,
    work: &Work<'_>,
    point: usize,
    evaluated: Vec<Evaluated<'_>>,
    invocation: &Invocation,
) -> Result<()> {
    let study = work.study;
    let of = study.points.get(point).context("there is no such point")?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let header = ["point"].into_iter().chain(study.axes().map(|axis| axis.path.as_str())).chain(COLUMNS);
    table.write_record(header).context("cannot encode the table as CSV")?;
    for one in &evaluated {
        for row in &one.evaluation.accuracy {
            let fields =
                [of.name.clone()].into_iter().chain(of.values.iter().cloned()).chain(fields(one, row));
            table.write_record(fields).context("cannot encode the table as CSV")?;
        }
    }
    let table = table.into_inner().context("cannot encode the table as CSV")?;

    let folder = RunFolder::create(&point_folder(sweep, &of.name))?;
    let images = work.data_sets.of(&of.experiment)?;
    let run = Run {
        experiment: of.experiment.clone(),
        settings: evaluated.iter().map(|one| one.unit.plan.clone()).collect(),
        logit_ranges: Vec::new(),
        failures: Vec::new(),
        data: images.data.clone(),
        training: images.training.clone(),
        validation: images.validation.clone(),
        folder: folder.clone(),
        evaluator: work.evaluator,
    };
    let settings = evaluated.into_iter().map(|one| SettingResult {
        training: Some(Throughput {
            images: one.training.images,
            seconds: one.training.seconds,
            images_per_second: one.training.images as f64 / one.training.seconds,
        }),
        votes: one.votes,
        evaluation: one.evaluation,
    });
    let results = Results { settings: settings.collect(), ..Results::default() };
    let toml = toml::to_string(&of.experiment).context("cannot write the configuration as TOML")?;
    run_folder::write(&folder.config(), toml.as_bytes())?;
    run.write_setting_records(&results)?;
    invocation.record(&folder, &run.data, &results, State::Finished)?;
    // The table last: once it is there, the point is finished.
    run_folder::write(&folder.root().join(TABLE), &table)
}

/// The fields of one row of `table.csv` behind the axes.
fn fields(one: &Evaluated<'_>, row: &AccuracyRow) -> Vec<String> {
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

/// The share of hidden weights that are not zero, of a member or of all members together.
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
