//! `run.json`: the data, machine, parameters and times behind a run's records.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::time::Instant;

use anyhow::{Result, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sottovoce_dataset::DataSet;
use sottovoce_evaluate::Evaluation;

use super::folder::RunFolder;
use super::results::{Results, SettingResult, Throughput};
use crate::json_files::write_json;
use crate::machine::{Machine, Source};
use crate::memory::peak_memory_bytes;
use crate::output::{add_field, to_value};

/// Contents of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
struct RunRecord {
    dataset: DatasetRecord,
    settings: Vec<Value>,
    /// The ensembles of `bits.csv`.
    #[serde(default)]
    logit_ranges: Vec<Value>,
    /// The evaluator of `elapsed.csv` and its mismatches.
    #[serde(default)]
    elapsed: Option<Value>,
    /// Every invocation of the program that worked on this run. There are several if the run was resumed; an interrupted
    /// invocation is not finished.
    invocations: Vec<Value>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct DatasetRecord {
    name: String,
    synthetic: bool,
    train_images: usize,
    test_images: usize,
    sha256: BTreeMap<String, String>,
}

/// The name of a data set, as people write it.
pub fn dataset_title(data: &DataSet) -> &str {
    match data.name.as_str() {
        "mnist" => "MNIST",
        "synthetic" => "Synthetic digits",
        name => name,
    }
}

impl DatasetRecord {
    fn of(data: &DataSet) -> Self {
        Self {
            name: dataset_title(data).to_owned(),
            synthetic: data.is_synthetic(),
            train_images: data.train.len(),
            test_images: data.test.len(),
            sha256: data.checksums.clone(),
        }
    }
}

/// Refuses a folder with a run on other data, unless `replace` is set: its records would be replaced by records that cannot
/// be compared with them.
pub fn check_dataset(folder: &RunFolder, data: &DataSet, replace: bool) -> Result<()> {
    let Some(earlier) = read(folder).filter(|_| !replace) else { return Ok(()) };
    let now = DatasetRecord::of(data);
    if earlier.dataset.sha256 != now.sha256 {
        bail!(
            "{} holds a run on other data ({}; this run uses {}); choose another folder with --out, or replace the records with \
             --replace",
            folder.root().display(),
            earlier.dataset.name,
            now.name,
        );
    }
    Ok(())
}

/// Reads `run.json`; `None` if it cannot be read, because everything in it is written again.
fn read(folder: &RunFolder) -> Option<RunRecord> {
    serde_json::from_str(&fs::read_to_string(folder.run_record()).ok()?).ok()
}

/// The training speed of the last earlier invocation with the same number of threads.
pub fn earlier_throughput(folder: &RunFolder) -> Option<Throughput> {
    let threads = rayon::current_num_threads();
    let invocations = read(folder)?.invocations;
    let is_comparable =
        |invocation: &&Value| invocation.get("threads").is_some_and(|count| *count == threads);
    let comparable = invocations.iter().rev().filter(is_comparable);
    comparable.filter_map(|invocation| Throughput::deserialize(invocation.get("training")?).ok()).next()
}

/// One invocation of the program on a run.
pub struct Invocation {
    /// The command and the experiment's name. Paths and other arguments are private and are left out.
    command: String,
    started: String,
    clock: Instant,
    /// Found out once, before a run's folder is locked: a child process that is started later shares the lock until it ends,
    /// which may be after the end of this process.
    machine: Value,
    source: Value,
    /// The throughput so far. The lock is held while `run.json` is written, because training threads write it too.
    training: Mutex<Option<Throughput>>,
}

/// The state of an invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvocationState {
    /// Work is left to do.
    Running,
    /// All work is done.
    Finished,
    /// Everything was done before the invocation, which is not recorded.
    Idle,
}

impl Invocation {
    pub fn begin(command: &str, experiment: &str) -> Self {
        Self {
            command: format!("sottovoce {command} {experiment}"),
            started: Timestamp::now().to_string(),
            clock: Instant::now(),
            machine: to_value(&Machine::here()),
            source: to_value(&Source::here()),
            training: Mutex::new(None),
        }
    }

    /// Records the throughput of the training so far.
    pub fn record_training(&self, folder: &RunFolder, data: &DataSet, throughput: Throughput) -> Result<()> {
        if let Ok(mut training) = self.training.lock() {
            *training = Some(throughput);
            self.write(folder, data, &Results::default(), InvocationState::Running, Some(throughput))?;
        }
        Ok(())
    }

    /// Writes `run.json`: the data, the results so far, and this invocation after earlier ones.
    pub fn record(
        &self,
        folder: &RunFolder,
        data: &DataSet,
        results: &Results,
        state: InvocationState,
    ) -> Result<()> {
        let training = self.training.lock().map(|training| *training).unwrap_or_default();
        self.write(folder, data, results, state, training)
    }

    fn write(
        &self,
        folder: &RunFolder,
        data: &DataSet,
        results: &Results,
        state: InvocationState,
        training: Option<Throughput>,
    ) -> Result<()> {
        let earlier = read(folder);
        let mut invocations = earlier.as_ref().map(|record| record.invocations.clone()).unwrap_or_default();
        invocations
            .retain(|invocation| invocation.get("started").is_none_or(|started| *started != self.started));
        if state != InvocationState::Idle {
            invocations.push(self.describe(state, training));
        }
        let mut record = RunRecord {
            dataset: DatasetRecord::of(data),
            settings: results.settings.iter().map(describe_setting).collect(),
            logit_ranges: results.logit_ranges.iter().map(describe_logit_range).collect(),
            elapsed: results
                .elapsed
                .as_ref()
                .map(|elapsed| json!({ "evaluator": elapsed.evaluator, "mismatches": elapsed.mismatches })),
            invocations,
        };
        if let (InvocationState::Running, Some(earlier)) = (state, earlier) {
            // The CSV files are still those of earlier invocations, so their parameters and times must stay in `run.json`.
            if record.settings.is_empty() {
                record.settings = earlier.settings;
            }
            if record.logit_ranges.is_empty() {
                record.logit_ranges = earlier.logit_ranges;
            }
            record.elapsed = record.elapsed.or(earlier.elapsed);
        }
        write_json(&folder.run_record(), &record)
    }

    fn describe(&self, state: InvocationState, training: Option<Throughput>) -> Value {
        json!({
            "command": self.command,
            "started": self.started,
            "duration_seconds": (self.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "finished": state == InvocationState::Finished,
            "threads": rayon::current_num_threads(),
            "training": training,
            "peak_memory_bytes": peak_memory_bytes(),
            "machine": self.machine,
            "source": self.source,
        })
    }
}

fn describe_setting(result: &SettingResult) -> Value {
    let mut value = describe_evaluation(&result.evaluation);
    add_field(&mut value, "training", result.training);
    add_field(&mut value, "votes", &result.votes);
    value
}

fn describe_logit_range((bits, evaluation): &(u32, Evaluation)) -> Value {
    let mut value = describe_evaluation(evaluation);
    add_field(&mut value, "logit_bits", bits);
    value
}

fn describe_evaluation(evaluation: &Evaluation) -> Value {
    json!({
        "setting": to_value(&evaluation.setting),
        "parameters": to_value(&evaluation.parameters),
        "range": to_value(&evaluation.range),
        "evaluator": evaluation.evaluator,
        "seconds": evaluation.seconds,
    })
}
