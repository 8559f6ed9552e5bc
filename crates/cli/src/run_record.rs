//! `run.json`: what a run's records come from.

use std::collections::BTreeMap;
use std::fs;
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

/// Contents of `run.json`.
#[derive(Debug, Serialize, Deserialize)]
struct RunRecord {
    dataset: DatasetRecord,
    settings: Vec<Value>,
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

impl DatasetRecord {
    fn of(data: &DataSet) -> Self {
        // As people write it.
        let name = match data.name.as_str() {
            "mnist" => "MNIST",
            "synthetic" => "Synthetic digits",
            name => name,
        };
        Self {
            name: name.to_owned(),
            synthetic: data.is_synthetic(),
            train_images: data.train.len(),
            test_images: data.test.len(),
            sha256: data.checksums.clone(),
        }
    }
}

/// Refuses a folder with a run on other data: its records would be replaced by ones that cannot be compared
/// with them.
pub fn check_dataset(folder: &RunFolder, data: &DataSet) -> Result<()> {
    let Some(earlier) = read(folder) else { return Ok(()) };
    let now = DatasetRecord::of(data);
    if earlier.dataset.sha256 != now.sha256 {
        bail!(
            "{} holds a run on other data ({}; this one is on {}); choose another folder with --out, or remove that one",
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

/// One invocation of the program on a run.
pub struct Invocation {
    /// The command and the experiment's name, without paths or other arguments, which are nobody else's
    /// business.
    command: String,
    started: String,
    clock: Instant,
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
        }
    }

    /// Writes `run.json`: the data, the settings evaluated so far, and this invocation behind earlier ones.
    pub fn record(
        &self,
        folder: &RunFolder,
        data: &DataSet,
        evaluations: &[Evaluation],
        state: State,
    ) -> Result<()> {
        let mut invocations = read(folder).map(|record| record.invocations).unwrap_or_default();
        invocations.retain(|invocation| invocation["started"] != self.started);
        if state != State::Idle {
            invocations.push(self.describe(state));
        }
        let record = RunRecord {
            dataset: DatasetRecord::of(data),
            settings: evaluations.iter().map(describe_setting).collect(),
            invocations,
        };
        write_json(&folder.record(), &record)
    }

    fn describe(&self, state: State) -> Value {
        json!({
            "command": self.command,
            "started": self.started,
            "duration_seconds": (self.clock.elapsed().as_secs_f64() * 10.0).round() / 10.0,
            "finished": state == State::Finished,
            "threads": rayon::current_num_threads(),
            "peak_memory_bytes": peak_memory_bytes(),
            "machine": to_value(&Machine::here()),
            "source": to_value(&Source::here()),
        })
    }
}

fn describe_setting(evaluation: &Evaluation) -> Value {
    json!({
        "setting": to_value(&evaluation.setting),
        "parameters": to_value(&evaluation.parameters),
        "range": to_value(&evaluation.range),
        "evaluator": evaluation.evaluator,
        "seconds": evaluation.seconds,
    })
}
