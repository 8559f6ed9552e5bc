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

use anyhow::Result;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sottovoce_dataset::{DataSet, LabelledImages, Partition, partition};
use sottovoce_evaluate::Evaluator;

use crate::config::{Experiment, SettingPlan};
use crate::run_folder::RunFolder;

pub use data::{Teller, open, open_plan, open_request, request, training_and_validation};
pub use evaluate::{need, warn_of_range};
pub use records::{Results, SettingResult};
pub use train::Throughput;

/// An experiment with its data and its folder.
pub struct Run {
    pub experiment: Experiment,
    pub settings: Vec<SettingPlan>,
    /// A setting for every logit range that is compared.
    pub logit_ranges: Vec<(u32, SettingPlan)>,
    pub data: DataSet,
    /// The training images that members are trained on.
    pub training: LabelledImages,
    /// Those that nobody is trained on.
    pub validation: LabelledImages,
    pub folder: RunFolder,
    pub evaluator: Evaluator,
}

/// How a setting shares out the training images.
pub fn share_out(training: &LabelledImages, plan: &SettingPlan) -> Result<Partition> {
    Ok(partition(training.labels(), &plan.groups, plan.share, plan.setting.seed)?)
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
