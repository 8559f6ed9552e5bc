//! Training, all settings side by side.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_evaluate::records::encode_rows;
use sottovoce_network::TrainedMember;
use sottovoce_train::{TrainedEnsemble, train_ensemble};

use super::{Failure, Run};
use crate::config::SettingPlan;
use crate::output;
use crate::progress::Progress;
use crate::run_folder::{self, fingerprint};

/// Raised whenever training gives other members from the same inputs.
const VERSION: u32 = 3;

/// Contents of `trained.json`.
#[derive(Serialize, Deserialize)]
pub struct TrainedFile {
    pub inputs: String,
    /// Fingerprint of the members. What is made from them goes by it and not by `inputs`: another machine's
    /// floating point may train slightly other members from the same inputs.
    pub fingerprint: String,
    /// How it went.
    pub training: Throughput,
    pub members: Vec<TrainedMember>,
}

/// All of a `trained.json` but the members, for when they are not needed.
#[derive(Deserialize)]
struct TrainedHead {
    inputs: String,
    training: Throughput,
}

/// Images that went through training steps, and the wall-clock seconds that took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Throughput {
    pub images: u64,
    /// Of one setting: beside others that were trained at the same time.
    pub seconds: f64,
    pub images_per_second: f64,
}

impl Throughput {
    fn since(start: Instant, images: u64) -> Self {
        let seconds = start.elapsed().as_secs_f64();
        Self { images, seconds, images_per_second: images as f64 / seconds }
    }
}

impl Run {
    /// What the members of a setting are made from.
    fn training_inputs(&self, plan: &SettingPlan) -> Result<String> {
        fingerprint(&(
            VERSION,
            &self.experiment.architecture,
            plan.training(&self.experiment),
            &plan.division,
            plan.setting.seed,
            (self.training.len(), self.validation.len()),
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

    fn head(&self, plan: &SettingPlan) -> Option<TrainedHead> {
        serde_json::from_slice(&fs::read(self.folder.trained(&plan.key())).ok()?).ok()
    }

    /// Whether the members of a setting are there and made from the same inputs, as far as can be told without
    /// reading them.
    pub(super) fn is_trained(&self, plan: &SettingPlan) -> Result<bool> {
        let inputs = self.training_inputs(plan)?;
        Ok(self.head(plan).is_some_and(|head| head.inputs == inputs))
    }

    /// How the members of a setting were trained.
    pub(super) fn throughput(&self, plan: &SettingPlan) -> Option<Throughput> {
        self.head(plan).map(|head| head.training)
    }

    /// Images that go through training steps for a setting, if no member diverges.
    pub(super) fn training_work(&self) -> u64 {
        (self.training.len() * self.epochs()) as u64
    }

    /// Trains the members of every setting that is not trained yet, telling `trained` of the throughput so far
    /// after each; whether there was any. Settings that cannot be trained are left out of the run.
    ///
    /// Settings are trained side by side, so that all threads are busy whatever the number of members.
    pub fn train(&mut self, trained: &(dyn Fn(Throughput) -> Result<()> + Sync)) -> Result<bool> {
        let mut missing = Vec::new();
        for plan in self.plans() {
            if self.trained(plan)?.is_none() {
                missing.push(plan);
            }
        }
        if missing.is_empty() {
            return Ok(false);
        }
        let members: usize = missing.iter().map(|plan| plan.members()).sum();
        let title = format!("training {members} {}", if members == 1 { "member" } else { "members" });
        let progress = Progress::new(&title, missing.len() as u64 * self.training_work());
        let (start, steps, images) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
        let report = |step: sottovoce_train::StepReport| {
            progress.advance(step.images as u64);
            let images = images.fetch_add(step.images as u64, Ordering::Relaxed);
            // A bar that changes its words at every step cannot be read.
            if steps.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
                let rate = Throughput::since(start, images).images_per_second;
                progress.note(&format!("{rate:.0} images/s, loss {:.3}", step.loss));
            }
        };
        let train = |plan: &&SettingPlan| -> Result<Option<Failure>> {
            if let Err(error) = self.train_setting(plan, &report) {
                return Failure::of(plan, "train", error).map(Some);
            }
            trained(Throughput::since(start, images.load(Ordering::Relaxed)))?;
            Ok(None)
        };
        let failures: Vec<Option<Failure>> =
            missing.par_iter().with_max_len(1).map(train).collect::<Result<_>>()?;
        drop(progress);
        self.leave_out(failures.into_iter().flatten().collect());
        Ok(true)
    }

    fn train_setting(
        &self,
        plan: &SettingPlan,
        report: &(dyn Fn(sottovoce_train::StepReport) + Sync),
    ) -> Result<()> {
        let parts = self.parts(plan)?;
        let start = Instant::now();
        let (architecture, training) = (&self.experiment.architecture, plan.training(&self.experiment));
        let TrainedEnsemble { members, curve, images } =
            train_ensemble(&parts, architecture, &training, plan.setting.seed, report)
                .with_context(|| format!("cannot train the setting {}", plan.key()))?;
        for row in curve.iter().filter(|row| row.attempt > 1 && row.epoch == 1) {
            let (member, attempt) = (row.member, row.attempt);
            output::remark(&format!(
                "{}: member {member} learned nothing; attempt {attempt} has half the learning rate",
                plan.key()
            ));
        }
        let training = Throughput::since(start, images);
        let inputs = self.training_inputs(plan)?;
        let file = TrainedFile { inputs, fingerprint: fingerprint(&members)?, training, members };
        let json = serde_json::to_vec(&file).context("cannot encode trained members as JSON")?;
        // The members last: once they are there, the setting counts as trained.
        let curve = encode_rows(&curve)?;
        run_folder::write(&self.folder.curve(&plan.key()), &curve)?;
        run_folder::write(&self.folder.trained(&plan.key()), &json)
    }
}
