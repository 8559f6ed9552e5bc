//! The stages of a run. Each makes what is not there yet from what the stage before it left.
//!
//! A stage's outputs carry a hash of everything they were made from; a stage that finds its outputs with the
//! right hash leaves them alone. That is how an interrupted run resumes and a changed one is done again.

mod bits;
mod data;
mod elapsed;
mod evaluate;
mod export;
mod outlook;
mod records;
mod train;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sottovoce_dataset::{DataSet, LabelledImages, Partition};
use sottovoce_evaluate::records::Setting;
use sottovoce_evaluate::{EvaluateError, Evaluator};
use sottovoce_export::{ExportError, VotesError};
use sottovoce_train::TrainError;

use crate::config::{Experiment, SettingPlan};
use crate::output;
use crate::run_folder::RunFolder;

pub use data::{Images, Teller, check_fit, open, open_request, request, small_member};
pub use evaluate::{evaluation_inputs, need, warn_of_range};
pub use export::{Export, export_inputs};
pub use records::{Results, SettingResult};
pub use train::Throughput;

/// An experiment with its data and its folder.
pub struct Run {
    pub experiment: Experiment,
    pub settings: Vec<SettingPlan>,
    /// A setting for every logit range that is compared.
    pub logit_ranges: Vec<(u32, SettingPlan)>,
    /// Settings that could not be trained or evaluated; they are no longer among the others.
    pub failures: Vec<Failure>,
    pub data: Arc<DataSet>,
    /// The training images that members are trained on.
    pub training: Arc<LabelledImages>,
    /// Those that nobody is trained on.
    pub validation: Arc<LabelledImages>,
    pub folder: RunFolder,
    pub evaluator: Evaluator,
}

/// One row of `failures.csv`: a setting that could not be run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    pub split: String,
    pub setting: usize,
    pub seed: u64,
    /// `train`, `export` or `evaluate`.
    pub stage: &'static str,
    /// The error with its causes.
    pub error: String,
    /// Names the setting's files.
    #[serde(skip)]
    pub key: String,
}

impl Failure {
    /// A failure of this setting alone; an error that every other setting would meet as well, such as a full disk, comes back as it
    /// is.
    pub fn of(plan: &SettingPlan, stage: &'static str, error: anyhow::Error) -> Result<Self> {
        if !is_of_setting(&error) {
            return Err(error);
        }
        let Setting { split, number, seed, .. } = &plan.setting;
        let error = format!("{error:#}");
        Ok(Self { split: split.clone(), setting: *number, seed: *seed, stage, error, key: plan.key() })
    }
}

/// Returns whether an error is about the networks of one setting and not about files or the machine.
pub fn is_of_setting(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.is::<TrainError>()
            || cause.is::<ExportError>()
            || cause.is::<VotesError>()
            || cause.is::<EvaluateError>()
    })
}

/// How a setting shares out the training images.
pub fn share_out(training: &LabelledImages, plan: &SettingPlan) -> Result<Partition> {
    Ok(plan.division.partition(training.labels(), plan.setting.seed)?)
}

impl Run {
    /// The training images of every member.
    fn parts(&self, plan: &SettingPlan) -> Result<Vec<LabelledImages>> {
        Ok(share_out(&self.training, plan)?
            .indices
            .iter()
            .map(|indices| self.training.select(indices))
            .collect())
    }

    /// Everything that has to be trained: the settings, and their likes for other logit ranges.
    pub fn plans(&self) -> impl Iterator<Item = &SettingPlan> {
        let others = self.logit_ranges.iter().map(|(_, plan)| plan);
        self.settings.iter().chain(others.filter(|plan| !self.settings.contains(plan)))
    }

    /// Takes settings that failed out of the run, and says so.
    fn leave_out(&mut self, failures: Vec<Failure>) {
        for failure in failures {
            output::remark(&format!("{} failed and is left out: {}", failure.key, failure.error));
            self.settings.retain(|plan| plan.key() != failure.key);
            self.logit_ranges.retain(|(_, plan)| plan.key() != failure.key);
            self.failures.push(failure);
        }
    }

    /// Passes over a member's images.
    pub fn epochs(&self) -> usize {
        self.experiment.training.float_epochs + self.experiment.training.quantised_epochs
    }
}

/// What a stage found, with the hash of what it was made from.
#[derive(Serialize, Deserialize)]
struct Found<T> {
    inputs: String,
    found: T,
}

/// What the file `path` holds, if it was made from `inputs`. A file that cannot be read is as good as none.
fn found<T: DeserializeOwned>(path: &Path, inputs: &str) -> Option<T> {
    let file: Found<T> = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (file.inputs == inputs).then_some(file.found)
}
