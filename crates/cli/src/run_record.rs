//! `run.json`: what a run's records come from.

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

use crate::machine::{Machine, Source, peak_memory_bytes};
use crate::output::to_value;
use crate::run_folder::{RunFolder, write_json};
use crate::stages::{Results, SettingResult, Throughput};

/// Contents of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
struct RunRecord {
    dataset: DatasetRecord,
    settings: Vec<Value>,
    /// The ensembles of `bits.csv`.
    #[serde(default)]
    logit_ranges: Vec<Value>,
    /// What `elapsed.csv` was measured with.
    #[serde(default)]
    elapsed: Option<Value>,
    /// Every time the program worked on this run's records; more than one where it was resumed, and one that
    /// is not finished where it was stopped.
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

/// A data set's name as people write it.
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

/// Refuses a folder with a run on other data: its records would be replaced by ones that cannot be compared
/// with them.
pub fn check_dataset(folder: &RunFolder, data: &DataSet, replace: bool) -> Result<()> {
    let Some(earlier) = read(folder).filter(|_| !replace) else { return Ok(()) };
    let now = DatasetRecord::of(data);
    if earlier.dataset.sha256 != now.sha256 {
        bail!(
            "{} holds a run on other data ({}; this one is on {}); choose another folder with --out, or let its records be replaced with --replace",
            folder.root().display(),
            earlier.dataset.name,
            now.name,
        );
    }
    Ok(())
}

/// A file that cannot be read is as good as none: everything in it is told anew.
fn read(folder: &RunFolder) -> Option<RunRecord> {
    serde_json::from_str(&fs::read_to_string(folder.record()).ok()?).ok()
}

/// How fast an earlier invocation on as many threads trained, the last that says so.
pub fn earlier_throughput(folder: &RunFolder) -> Option<Throughput> {
    let threads = rayon::current_num_threads();
    let invocations = read(folder)?.invocations;
    let like = invocations.iter().rev().filter(|invocation| invocation["threads"] == threads);
    like.filter_map(|invocation| serde_json::from_value(invocation["training"].clone()).ok()).next()
}

/// One invocation of the program on a run.
pub struct Invocation {
    /// The command and the experiment's name, without paths or other arguments, which are nobody else's
    /// business.
    command: String,
    started: String,
    clock: Instant,
    /// Asked for once, before a run's folder is locked: a program that is started while it is shares the lock until it
    /// runs, and would keep it beyond this one's end.
    machine: Value,
    source: Value,
    /// What was trained so far. Held while `run.json` is written, which threads that train do, too.
    training: Mutex<Option<Throughput>>,
}

/// How far an invocation has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It may still be stopped.
    Running,
    /// It did what was left to do.
    Finished,
    /// It found everything done already and leaves no trace.
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

    /// Notes what was trained so far.
    pub fn trained(&self, folder: &RunFolder, data: &DataSet, throughput: Throughput) -> Result<()> {
        if let Ok(mut training) = self.training.lock() {
            *training = Some(throughput);
            self.write(folder, data, &Results::default(), State::Running, Some(throughput))?;
        }
        Ok(())
    }

    /// Writes `run.json`: the data, what was found so far, and this invocation behind earlier ones.
    pub fn record(&self, folder: &RunFolder, data: &DataSet, results: &Results, state: State) -> Result<()> {
        let training = self.training.lock().map(|training| *training).unwrap_or_default();
        self.write(folder, data, results, state, training)
    }

    fn write(
        &self,
        folder: &RunFolder,
        data: &DataSet,
        results: &Results,
        state: State,
        training: Option<Throughput>,
    ) -> Result<()> {
        let earlier = read(folder);
        let mut invocations = earlier.as_ref().map(|record| record.invocations.clone()).unwrap_or_default();
        invocations.retain(|invocation| invocation["started"] != self.started);
        if state != State::Idle {
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
        if let (State::Running, Some(earlier)) = (state, earlier) {
            // The records beside this file are still those: a run that is stopped again must not lose what they rest on.
            if record.settings.is_empty() {
                record.settings = earlier.settings;
            }
            if record.logit_ranges.is_empty() {
                record.logit_ranges = earlier.logit_ranges;
            }
            record.elapsed = record.elapsed.or(earlier.elapsed);
        }
        write_json(&folder.record(), &record)
    }

    fn describe(&self, state: State, training: Option<Throughput>) -> Value {
        json!({
            "command": self.command,
            "started": self.started,
            "duration_seconds": (self.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "finished": state == State::Finished,
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
    value["training"] = to_value(&result.training);
    value["votes"] = to_value(&result.votes);
    value
}

fn describe_logit_range((bits, evaluation): &(u32, Evaluation)) -> Value {
    let mut value = describe_evaluation(evaluation);
    value["logit_bits"] = to_value(bits);
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
