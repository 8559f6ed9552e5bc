//! The CSV files of a run.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;
use sottovoce_dataset::label_counts;
use sottovoce_evaluate::Evaluation;
use sottovoce_evaluate::records::{LabelRow, SizeRow, write_rows};

use super::logit_ranges;
use crate::run::experiment_run::ExperimentRun;
use crate::run::results::Results;

/// Writes all CSV records of the run. Deletes files that this configuration has no rows for, so that charts do not show rows of
/// an earlier configuration.
pub fn write_records(run: &ExperimentRun, results: &Results) -> Result<()> {
    write_setting_records(run, results)?;
    let bits: Vec<_> = results
        .logit_ranges
        .iter()
        .flat_map(|(bits, evaluation)| logit_ranges::rows(*bits, evaluation))
        .collect();
    let elapsed = results.elapsed.as_ref().map(|elapsed| elapsed.rows.clone()).unwrap_or_default();
    write(run, "bits", &bits)?;
    write(run, "elapsed", &elapsed)
}

/// Writes `failures.csv`, the settings that failed.
pub fn write_failures(run: &ExperimentRun) -> Result<()> {
    write(run, "failures", &run.failures)
}

/// Writes the records of the settings, without those of logit ranges and elapsed time.
pub fn write_setting_records(run: &ExperimentRun, results: &Results) -> Result<()> {
    write_failures(run)?;
    fn all<T: Clone>(results: &Results, rows: impl Fn(&Evaluation) -> &Vec<T>) -> Vec<T> {
        results.settings.iter().flat_map(|result| rows(&result.evaluation).clone()).collect()
    }
    let mut sizes: Vec<SizeRow> = Vec::new();
    for row in all(results, |evaluation| &evaluation.sizes) {
        // All settings of one session have the same sizes.
        if !sizes.contains(&row) {
            sizes.push(row);
        }
    }
    write(run, "accuracy", &all(results, |evaluation| &evaluation.accuracy))?;
    write(run, "layers", &all(results, |evaluation| &evaluation.layers))?;
    write(run, "validation", &all(results, |evaluation| &evaluation.validation))?;
    write(run, "recall", &all(results, |evaluation| &evaluation.recall))?;
    write(run, "pairs", &all(results, |evaluation| &evaluation.pairs))?;
    write(run, "labels", &label_rows(run)?)?;
    write(run, "sizes", &sizes)
}

/// Writes the CSV file of one kind of records, or deletes it if there are no rows.
fn write<T: Serialize>(run: &ExperimentRun, kind: &str, rows: &[T]) -> Result<()> {
    let path = run.folder.csv_records(kind);
    if !rows.is_empty() {
        return Ok(write_rows(&path, rows)?);
    }
    if path.exists() {
        fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
    }
    Ok(())
}

/// The number of training images of each label, for every member of every setting.
fn label_rows(run: &ExperimentRun) -> Result<Vec<LabelRow>> {
    let mut rows = Vec::new();
    for setting in &run.settings {
        let parts = setting.partition(run.training.labels())?.indices;
        let classes = run.experiment.architecture.classes;
        for (counts, number) in label_counts(&parts, run.training.labels(), classes).iter().zip(1..) {
            rows.extend((0..=u8::MAX).zip(counts).map(|(label, &images)| LabelRow {
                split: setting.id.split.clone(),
                setting: setting.id.number,
                seed: setting.id.seed,
                member: format!("member-{number}"),
                label,
                images,
            }));
        }
    }
    Ok(rows)
}
