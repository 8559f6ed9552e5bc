//! An experiment with its data and its folder.

use std::sync::Arc;

use anyhow::Result;
use serde::Serialize;
use sottovoce_dataset::{DataSet, LabelledImages};
use sottovoce_evaluate::records::Setting;
use sottovoce_evaluate::{EvaluateError, Evaluator};
use sottovoce_export::{ExportError, VotesError};
use sottovoce_train::TrainError;

use super::folder::RunFolder;
use crate::config::experiment::Experiment;
use crate::config::setting::SeededSetting;
use crate::output;

/// An experiment with its data and its folder. The stages take a run and add files to its folder.
pub struct ExperimentRun {
    pub experiment: Experiment,
    pub settings: Vec<SeededSetting>,
    /// A setting for every logit range that is compared, with the range in bits.
    pub logit_ranges: Vec<(u32, SeededSetting)>,
    /// Settings that could not be trained, exported or evaluated; they are no longer in the lists above.
    pub failures: Vec<SettingFailure>,
    pub data: Arc<DataSet>,
    /// The training images that members are trained on.
    pub training: Arc<LabelledImages>,
    /// The held-out training images.
    pub validation: Arc<LabelledImages>,
    pub folder: RunFolder,
    pub evaluator: Evaluator,
}

impl ExperimentRun {
    /// Every setting that has to be trained: those of the experiment, and those of other logit ranges.
    pub fn trained_settings(&self) -> impl Iterator<Item = &SeededSetting> {
        let others = self.logit_ranges.iter().map(|(_, setting)| setting);
        self.settings.iter().chain(others.filter(|setting| !self.settings.contains(setting)))
    }

    /// The training images of every member of `setting`.
    pub fn member_images(&self, setting: &SeededSetting) -> Result<Vec<LabelledImages>> {
        let parts = setting.partition(self.training.labels())?;
        Ok(parts.indices.iter().map(|indices| self.training.select(indices)).collect())
    }

    /// Takes settings that failed out of the run, and prints why.
    pub fn leave_out(&mut self, failures: Vec<SettingFailure>) {
        for failure in failures {
            output::remark(&format!("{} failed and is left out: {}", failure.file_name, failure.error));
            self.settings.retain(|setting| setting.file_name() != failure.file_name);
            self.logit_ranges.retain(|(_, setting)| setting.file_name() != failure.file_name);
            self.failures.push(failure);
        }
    }
}

/// One row of `failures.csv`: a setting that could not be run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SettingFailure {
    pub split: String,
    pub setting: usize,
    pub seed: u64,
    /// `train`, `export` or `evaluate`.
    pub stage: &'static str,
    /// The error with its causes.
    pub error: String,
    /// The name of the setting's files.
    #[serde(skip)]
    pub file_name: String,
}

impl SettingFailure {
    /// Records an error that concerns only `setting`.
    ///
    /// # Errors
    /// Returns `error` itself if other settings would fail in the same way, for example on a full disk.
    pub fn new(setting: &SeededSetting, stage: &'static str, error: anyhow::Error) -> Result<Self> {
        if !is_setting_error(&error) {
            return Err(error);
        }
        let Setting { split, number, seed, .. } = &setting.id;
        Ok(Self {
            split: split.clone(),
            setting: *number,
            seed: *seed,
            stage,
            error: format!("{error:#}"),
            file_name: setting.file_name(),
        })
    }
}

/// Returns whether an error concerns the networks of one setting, not files or the machine.
pub fn is_setting_error(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<TrainError>()
            || cause.is::<ExportError>()
            || cause.is::<VotesError>()
            || cause.is::<EvaluateError>()
    })
}
