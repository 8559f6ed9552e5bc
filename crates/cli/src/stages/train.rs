//! Training, all settings side by side.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_evaluate::records::write_rows;
use sottovoce_network::TrainedMember;
use sottovoce_train::{Trained, train_ensemble};

use super::Run;
use crate::config::SettingPlan;
use crate::output;
use crate::progress::Progress;
use crate::run_folder::{inputs, write_json};

/// Raised whenever training gives other members from the same inputs.
const VERSION: u32 = 1;

/// Contents of `trained.json`.
#[derive(Serialize, Deserialize)]
pub struct TrainedFile {
    pub inputs: String,
    pub members: Vec<TrainedMember>,
}

impl Run {
    /// What the members of a setting are made from.
    fn training_inputs(&self, plan: &SettingPlan) -> Result<String> {
        inputs(&(
            VERSION,
            &self.experiment.architecture,
            &self.experiment.training,
            &plan.groups,
            plan.share,
            plan.setting.seed,
            self.data.train.len(),
            &self.data.checksums,
        ))
    }

    /// The members of a setting, where they are there and made from the same inputs.
    pub fn trained(&self, plan: &SettingPlan) -> Result<Option<TrainedFile>> {
        let Ok(text) = fs::read(self.folder.trained(&plan.key())) else { return Ok(None) };
        // A file that cannot be read is as good as none: training makes it again.
        let Ok(file) = serde_json::from_slice::<TrainedFile>(&text) else { return Ok(None) };
        Ok((file.inputs == self.training_inputs(plan)?).then_some(file))
    }

    /// Trains the members of every setting that is not trained yet; whether there was any.
    pub fn train(&self) -> Result<bool> {
        let mut missing = Vec::new();
        for plan in &self.settings {
            if self.trained(plan)?.is_none() {
                missing.push(plan);
            }
        }
        if missing.is_empty() {
            return Ok(false);
        }
        let training = &self.experiment.training;
        let epochs = training.float_epochs + training.quantised_epochs;
        let members = missing.len() * self.experiment.ensemble.members;
        let images = missing.len() * self.data.train.len() * epochs;
        let title = format!("training {members} {}", if members == 1 { "member" } else { "members" });
        let progress = Progress::new(&title, images as u64);
        let steps = AtomicUsize::new(0);
        let report = |step: sottovoce_train::Progress| {
            progress.advance(step.images as u64);
            // A bar that changes its words at every step cannot be read.
            if steps.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
                progress.note(&format!("(loss {:.3}, {:.1} %)", step.loss, 100.0 * step.accuracy));
            }
        };
        missing.par_iter().try_for_each(|plan| self.train_setting(plan, &report))?;
        Ok(true)
    }

    fn train_setting(
        &self,
        plan: &SettingPlan,
        report: &(dyn Fn(sottovoce_train::Progress) + Sync),
    ) -> Result<()> {
        let parts = self.parts(plan)?;
        let (architecture, training) = (&self.experiment.architecture, &self.experiment.training);
        let Trained { members, curve } =
            train_ensemble(&parts, architecture, training, plan.setting.seed, report)
                .with_context(|| format!("cannot train the setting {}", plan.key()))?;
        for row in curve.iter().filter(|row| row.attempt > 1 && row.epoch == 1) {
            let (member, attempt) = (row.member, row.attempt);
            output::remark(&format!("{}: member {member} diverged; attempt {attempt}", plan.key()));
        }
        let file = TrainedFile { inputs: self.training_inputs(plan)?, members };
        write_json(&self.folder.trained(&plan.key()), &file)?;
        Ok(write_rows(&self.folder.curve(&plan.key()), &curve)?)
    }
}
