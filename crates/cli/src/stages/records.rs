//! What a run has found, and its CSV files.

use std::fs;

use anyhow::{Context, Result};
use serde::Serialize;
use sottovoce_dataset::label_counts;
use sottovoce_evaluate::records::{LabelRow, SizeRow, write_rows};
use sottovoce_evaluate::{ElapsedTimes, Evaluation};

use super::{Run, Throughput, bits, share_out};

/// Everything that was found so far.
#[derive(Default)]
pub struct Results {
    pub settings: Vec<SettingResult>,
    pub logit_ranges: Vec<(u32, Evaluation)>,
    pub elapsed: Option<ElapsedTimes>,
}

/// What was found for one setting.
#[derive(Clone)]
pub struct SettingResult {
    pub evaluation: Evaluation,
    /// How its members were trained.
    pub training: Option<Throughput>,
    /// The members' votes, where they are weighted.
    pub votes: Option<String>,
}

impl Run {
    /// Writes every record of the run. Files that an earlier configuration left and this one has no rows for go away:
    /// charts must not show what the run does not hold.
    pub fn write_records(&self, results: &Results) -> Result<()> {
        self.write_setting_records(results)?;
        let bits: Vec<_> = results
            .logit_ranges
            .iter()
            .flat_map(|(bits, evaluation)| bits::rows(*bits, evaluation))
            .collect();
        let elapsed = results.elapsed.as_ref().map(|elapsed| elapsed.rows.clone()).unwrap_or_default();
        self.write("bits", &bits)?;
        self.write("elapsed", &elapsed)
    }

    /// Writes which settings failed.
    pub fn write_failures(&self) -> Result<()> {
        self.write("failures", &self.failures)
    }

    /// Writes the records of the settings alone.
    pub fn write_setting_records(&self, results: &Results) -> Result<()> {
        self.write_failures()?;
        fn all<T: Clone>(results: &Results, rows: impl Fn(&Evaluation) -> &Vec<T>) -> Vec<T> {
            results.settings.iter().flat_map(|result| rows(&result.evaluation).clone()).collect()
        }
        let mut sizes: Vec<SizeRow> = Vec::new();
        for row in all(results, |evaluation| &evaluation.sizes) {
            // All settings of one session have the same.
            if !sizes.contains(&row) {
                sizes.push(row);
            }
        }
        self.write("accuracy", &all(results, |evaluation| &evaluation.accuracy))?;
        self.write("layers", &all(results, |evaluation| &evaluation.layers))?;
        self.write("validation", &all(results, |evaluation| &evaluation.validation))?;
        self.write("recall", &all(results, |evaluation| &evaluation.recall))?;
        self.write("pairs", &all(results, |evaluation| &evaluation.pairs))?;
        self.write("labels", &self.label_rows()?)?;
        self.write("sizes", &sizes)
    }

    fn write<T: Serialize>(&self, kind: &str, rows: &[T]) -> Result<()> {
        let path = self.folder.records(kind);
        if !rows.is_empty() {
            return Ok(write_rows(&path, rows)?);
        }
        if path.exists() {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
        Ok(())
    }

    /// What every member of every setting was trained on.
    fn label_rows(&self) -> Result<Vec<LabelRow>> {
        let mut rows = Vec::new();
        for plan in &self.settings {
            let parts = share_out(&self.training, plan)?.indices;
            let classes = self.experiment.architecture.classes;
            for (counts, number) in label_counts(&parts, self.training.labels(), classes).iter().zip(1..) {
                rows.extend((0..=u8::MAX).zip(counts).map(|(label, &images)| LabelRow {
                    split: plan.setting.split.clone(),
                    setting: plan.setting.number,
                    seed: plan.setting.seed,
                    member: format!("member-{number}"),
                    label,
                    images,
                }));
            }
        }
        Ok(rows)
    }
}
