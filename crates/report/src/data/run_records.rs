//! All records of a run.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sottovoce_evaluate::records::{
    AccuracyRow, BitsRow, ElapsedRow, LabelRow, LayerRow, PairRow, RecallRow, RecordError, SizeRow,
    ValidationRow, read_rows,
};

use crate::data::experiment_facts::ExperimentFacts;
use crate::data::paper_scope::PaperScope;
use crate::data::run_facts::{RunFacts, RunFactsError};

/// Why a run's records cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunRecordsError {
    /// A record file is missing or broken.
    #[error("cannot report on this run: its records are incomplete or broken; evaluate the run first")]
    Records(#[from] RecordError),
    /// A record file has no rows.
    #[error("{path} has no rows; evaluate the run first")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// `run.json` exists but cannot be read.
    #[error(transparent)]
    Facts(#[from] RunFactsError),
}

/// Records in the folder of a run. An optional file that is absent or has no rows is empty here.
#[derive(Debug)]
pub(crate) struct RunRecords {
    pub(crate) accuracy: Vec<AccuracyRow>,
    pub(crate) layers: Vec<LayerRow>,
    pub(crate) validation: Vec<ValidationRow>,
    pub(crate) recall: Vec<RecallRow>,
    pub(crate) pairs: Vec<PairRow>,
    pub(crate) labels: Vec<LabelRow>,
    pub(crate) elapsed: Vec<ElapsedRow>,
    pub(crate) bits: Vec<BitsRow>,
    pub(crate) sizes: Vec<SizeRow>,
    pub(crate) facts: RunFacts,
    /// The configuration that the run was made with, as it was written.
    pub(crate) config: Option<String>,
    /// The parsed configuration; `None` if it is absent or not TOML.
    pub(crate) experiment: Option<ExperimentFacts>,
    /// The comparability of the run with the paper.
    pub(crate) scope: PaperScope,
    /// Optional files that are absent or have no rows.
    pub(crate) absent: Vec<AbsentFile>,
}

/// An optional file that is absent or has no rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbsentFile {
    pub(crate) file: &'static str,
    /// Content of the report that is left out for lack of this file.
    pub(crate) not_drawn: &'static str,
}

impl RunRecords {
    /// Reads every file of `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, RunRecordsError> {
        let mut absent = Vec::new();
        let facts = RunFacts::read(&folder.join("run.json"))?;
        // Optional: a run without a configuration is not comparable with the paper.
        let config = std::fs::read_to_string(folder.join("config.toml")).ok();
        let experiment = config.as_deref().and_then(ExperimentFacts::parse);
        let accuracy: Vec<AccuracyRow> = required(folder.join("accuracy.csv"))?;
        let scope = PaperScope::of(config.as_deref(), experiment.as_ref(), &facts, &accuracy);
        Ok(Self {
            accuracy,
            layers: required(folder.join("layers.csv"))?,
            validation: optional(
                folder,
                "validation.csv",
                "the best member by held-out images",
                &mut absent,
            )?,
            recall: optional(folder, "recall.csv", "recall of each digit", &mut absent)?,
            pairs: optional(folder, "pairs.csv", "McNemar's test", &mut absent)?,
            labels: optional(folder, "labels.csv", "what the members trained on", &mut absent)?,
            elapsed: optional(folder, "elapsed.csv", "elapsed time", &mut absent)?,
            bits: optional(folder, "bits.csv", "accuracy against logit bits", &mut absent)?,
            sizes: optional(folder, "sizes.csv", "sizes of messages", &mut absent)?,
            facts,
            config,
            experiment,
            scope,
            absent,
        })
    }
}

fn required<T: DeserializeOwned>(path: PathBuf) -> Result<Vec<T>, RunRecordsError> {
    let rows: Vec<T> = read_rows(&path)?;
    if rows.is_empty() { Err(RunRecordsError::NoRows { path }) } else { Ok(rows) }
}

fn optional<T: DeserializeOwned>(
    folder: &Path,
    file: &'static str,
    not_drawn: &'static str,
    absent: &mut Vec<AbsentFile>,
) -> Result<Vec<T>, RunRecordsError> {
    let path = folder.join(file);
    let rows: Vec<T> = if path.exists() { read_rows(&path)? } else { Vec::new() };
    if rows.is_empty() {
        absent.push(AbsentFile { file, not_drawn });
    }
    Ok(rows)
}
