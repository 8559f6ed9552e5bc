//! The stages of a run. Each makes what is not there yet from what the stage before it left.
//!
//! A stage's outputs carry a hash of everything they were made from; a stage that finds its outputs with the
//! right hash leaves them alone. That is how an interrupted run resumes and a changed one is done again.

mod data;
mod evaluate;
mod export;
mod train;

use anyhow::Result;
use sottovoce_dataset::{DataSet, LabelledImages, Partition, partition};
use sottovoce_evaluate::Evaluator;

use crate::config::{Experiment, SettingPlan};
use crate::run_folder::RunFolder;

pub use data::{Teller, open, request};

/// An experiment with its data and its folder.
pub struct Run {
    pub experiment: Experiment,
    pub settings: Vec<SettingPlan>,
    pub data: DataSet,
    pub folder: RunFolder,
    pub evaluator: Evaluator,
}

impl Run {
    /// How a setting shares out the training images.
    pub fn partition(&self, plan: &SettingPlan) -> Result<Partition> {
        Ok(partition(self.data.train.labels(), &plan.groups, plan.share, plan.setting.seed)?)
    }

    /// The training images of every member.
    fn parts(&self, plan: &SettingPlan) -> Result<Vec<LabelledImages>> {
        Ok(self.partition(plan)?.indices.iter().map(|indices| self.data.train.select(indices)).collect())
    }
}
