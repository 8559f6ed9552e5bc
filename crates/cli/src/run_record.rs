//! `run.json`: what a run's records come from.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Result;
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
    dataset: Value,
    settings: Vec<Value>,
    /// Every time the program worked on this run; more than one where it was resumed.
    invocations: Vec<Value>,
}

/// Measures one invocation.
pub struct Invocation {
    started: Timestamp,
    clock: Instant,
}

impl Invocation {
    pub fn begin() -> Self {
        Self { started: Timestamp::now(), clock: Instant::now() }
    }

    /// Writes `run.json`, keeping what earlier invocations said of themselves. Where everything was there
    /// already (`worked` is false), there is nothing new to say and the file stays as it is.
    pub fn record(
        &self,
        folder: &RunFolder,
        data: &DataSet,
        evaluations: &[Evaluation],
        worked: bool,
    ) -> Result<()> {
        let path = folder.record();
        let earlier =
            fs::read_to_string(&path).ok().and_then(|text| serde_json::from_str::<RunRecord>(&text).ok());
        if earlier.is_some() && !worked {
            return Ok(());
        }
        let mut invocations = earlier.map(|record| record.invocations).unwrap_or_default();
        invocations.push(self.describe());
        let record = RunRecord {
            dataset: json!({
                "name": display_name(data),
                "synthetic": data.is_synthetic(),
                "train_images": data.train.len(),
                "test_images": data.test.len(),
                "sha256": data.checksums,
            }),
            settings: evaluations.iter().map(describe_setting).collect(),
            invocations,
        };
        write_json(&path, &record)
    }

    fn describe(&self) -> Value {
        let seconds = |duration: Duration| (duration.as_secs_f64() * 10.0).round() / 10.0;
        json!({
            "started": self.started.to_string(),
            "duration_seconds": seconds(self.clock.elapsed()),
            "command": command_line(),
            "threads": rayon::current_num_threads(),
            "peak_memory_bytes": peak_memory_bytes(),
            "machine": to_value(&Machine::here()),
            "source": to_value(&Source::here()),
        })
    }
}

/// The arguments without the program's own path, which says nothing to anybody else; the same for paths.
fn command_line() -> String {
    let local = |argument: String| if argument.starts_with('/') { "<path>".to_owned() } else { argument };
    let arguments = std::env::args().skip(1).map(local);
    std::iter::once("sottovoce".to_owned()).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn describe_setting(evaluation: &Evaluation) -> Value {
    json!({
        "setting": to_value(&evaluation.setting),
        "parameters": to_value(&evaluation.parameters),
        "range": to_value(&evaluation.range),
        "seconds": evaluation.seconds,
    })
}

/// The data set's name as people write it.
fn display_name(data: &DataSet) -> &str {
    match data.name.as_str() {
        "mnist" => "MNIST",
        "synthetic" => "Synthetic digits",
        name => name,
    }
}
