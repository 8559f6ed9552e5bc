//! All of a run's records.

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

/// What a run folder holds. Files that a run may lack, and those without rows, are empty here.
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
    /// The same, read; `None` where it is no TOML.
    pub(crate) experiment: Option<ExperimentFacts>,
    /// Which of the numbers the paper's are comparable with.
    pub(crate) scope: PaperScope,
    /// What is left out, file by file, since there are no such records.
    pub(crate) absent: Vec<AbsentFile>,
}

/// A file without records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbsentFile {
    pub(crate) file: &'static str,
    /// What would be drawn from it.
    pub(crate) not_drawn: &'static str,
}

impl RunRecords {
    /// Reads every file of `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, RunRecordsError> {
        let mut absent = Vec::new();
        let facts = RunFacts::read(&folder.join("run.json"))?;
        // Shown, never needed: without it the run is beside nobody's numbers.
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
