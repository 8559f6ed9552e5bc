//! Training, all settings side by side.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_evaluate::records::encode_rows;
use sottovoce_network::TrainedMember;
use sottovoce_train::{Trained, train_ensemble};

use super::Run;
use crate::config::SettingPlan;
use crate::output;
use crate::progress::Progress;
use crate::run_folder::{self, fingerprint};

/// Raised whenever training gives other members from the same inputs.
const VERSION: u32 = 1;

/// Contents of `trained.json`.
#[derive(Serialize, Deserialize)]
pub struct TrainedFile {
    pub inputs: String,
    /// Fingerprint of the members. What is made from them goes by it and not by `inputs`: another machine's
    /// floating point may train slightly other members from the same inputs.
    pub fingerprint: String,
    pub members: Vec<TrainedMember>,
}

impl Run {
    /// What the members of a setting are made from.
    fn training_inputs(&self, plan: &SettingPlan) -> Result<String> {
        fingerprint(&(
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
        if file.inputs != self.training_inputs(plan)? {
            return Ok(None);
        }
        let consistent =
            |member: &TrainedMember| member.float.is_consistent() && member.aware.is_consistent();
        ensure!(
            file.fingerprint == fingerprint(&file.members)? && file.members.iter().all(consistent),
            "{} was altered after training; delete it to train again",
            self.folder.trained(&plan.key()).display(),
        );
        Ok(Some(file))
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
                progress.note(&format!("loss {:.3}, accuracy {:.1} %", step.loss, 100.0 * step.accuracy));
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
        let inputs = self.training_inputs(plan)?;
        let file = TrainedFile { inputs, fingerprint: fingerprint(&members)?, members };
        let json = serde_json::to_vec(&file).context("cannot encode trained members as JSON")?;
        // The members last: once they are there, the setting counts as trained.
        let curve = encode_rows(&curve)?;
        run_folder::write(&self.folder.curve(&plan.key()), &curve)?;
        run_folder::write(&self.folder.trained(&plan.key()), &json)
    }
}
