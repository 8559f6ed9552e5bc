//! All of a run's records.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use sottovoce_evaluate::records::{
    AccuracyRow, BitsRow, ElapsedRow, LabelRow, LayerRow, PairRow, RecallRow, SizeRow, ValidationRow,
    read_rows,
};

use super::ReportError;
use crate::experiment_facts::ExperimentFacts;
use crate::paper_scope::PaperScope;
use crate::run_facts::RunFacts;

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
    pub(crate) absent: Vec<Absent>,
}

/// A file without records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Absent {
    pub(crate) file: &'static str,
    /// What would be drawn from it.
    pub(crate) left_out: &'static str,
}

impl RunRecords {
    /// Reads every file of `folder`.
    pub(crate) fn read(folder: &Path) -> Result<Self, ReportError> {
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

fn required<T: DeserializeOwned>(path: PathBuf) -> Result<Vec<T>, ReportError> {
    let rows: Vec<T> = read_rows(&path)?;
    if rows.is_empty() { Err(ReportError::NoRows { path }) } else { Ok(rows) }
}

fn optional<T: DeserializeOwned>(
    folder: &Path,
    file: &'static str,
    left_out: &'static str,
    absent: &mut Vec<Absent>,
) -> Result<Vec<T>, ReportError> {
    let path = folder.join(file);
    let rows: Vec<T> = if path.exists() { read_rows(&path)? } else { Vec::new() };
    if rows.is_empty() {
        absent.push(Absent { file, left_out });
    }
    Ok(rows)
}
