//! The steps of a unit: training, export, evaluation of shards, and merge.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use sottovoce_bfv::Kernel;
use sottovoce_dataset::LabelledImages;
use sottovoce_evaluate::{
    EncryptedImages, Evaluation, Evaluator, RangedEnsemble, Session, SettingInputs, Shard, evaluate_setting,
    merge_shards,
};
use sottovoce_network::disk::{ExportedEnsemble, read_ensemble};
use sottovoce_network::{FloatNetwork, TrainedMember};
use sottovoce_protocol::Fingerprint;
use sottovoce_train::{CurveRow, MemberTask, StepReport, TrainError, train_float, train_quantised};

use super::store::{Quantised, Store, Trained, TrainingTime};
use super::units::{DataSets, Unit};
use crate::config::experiment::Experiment;
use crate::config::sweep::SweepConfig;
use crate::json_files::{fingerprint, write_json};
use crate::progress::StageProgress;
use crate::stages::data::Images;
use crate::stages::export::Export;

/// A sweep with its data and its shared files. The methods do the steps of a unit.
pub struct SweepSteps<'a> {
    pub sweep: &'a SweepConfig,
    pub data_sets: &'a DataSets,
    pub store: &'a Store,
    pub evaluator: Evaluator,
}

/// A callback after every training step.
pub type OnTrainingStep<'a> = &'a (dyn Fn(StepReport) + Sync);

impl SweepSteps<'_> {
    pub fn experiment(&self, unit: &Unit) -> Result<&Experiment> {
        Ok(&self.sweep.points.get(unit.point).context("a unit of no point")?.experiment)
    }

    pub fn images(&self, unit: &Unit) -> Result<&Images> {
        self.data_sets.of(self.experiment(unit)?)
    }

    /// The name of a unit in remarks.
    pub fn title(&self, unit: &Unit) -> String {
        let point = self.sweep.points.get(unit.point).map_or("", |point| &point.name);
        format!("{point} seed {}", unit.setting.id.seed)
    }

    /// The images that a member of a unit is trained on; `index` counts from 0.
    pub fn member_images(&self, unit: &Unit, index: usize) -> Result<LabelledImages> {
        let training = &self.images(unit)?.training;
        let parts = unit.setting.partition(training.labels())?;
        Ok(training.select(parts.indices.get(index).context("there is no such member")?))
    }

    fn task<'b>(&'b self, unit: &'b Unit, index: usize, part: &'b LabelledImages) -> Result<MemberTask<'b>> {
        let experiment = self.experiment(unit)?;
        Ok(MemberTask {
            images: part,
            member: index + 1,
            members: unit.members.len(),
            architecture: &experiment.architecture,
            config: &experiment.training,
            seed: unit.setting.id.seed,
        })
    }

    /// The result of the float phase of a member, from its file or trained now.
    pub fn train_float(
        &self,
        unit: &Unit,
        index: usize,
        part: &LabelledImages,
        report: OnTrainingStep<'_>,
    ) -> Result<Trained<FloatNetwork>> {
        let hashes = unit.members.get(index).context("there is no such member")?;
        let path = self.store.float(&hashes.float);
        if let Some(trained) = self.store.read_trained(&path)? {
            return Ok(trained);
        }
        let task = self.task(unit, index, part)?;
        let trained = measured(|report| train_float(&task, report), report)
            .with_context(|| format!("cannot train member {} of {}", index + 1, self.title(unit)))?;
        self.store.write_trained(&path, &trained)?;
        Ok(trained)
    }

    /// The result of the quantised phase of a member, from its file or trained now from the float network `float`.
    pub fn train_quantised(
        &self,
        unit: &Unit,
        index: usize,
        part: &LabelledImages,
        float: &FloatNetwork,
        report: OnTrainingStep<'_>,
    ) -> Result<Trained<Quantised>> {
        let hashes = unit.members.get(index).context("there is no such member")?;
        let path = self.store.member(&hashes.member);
        if let Some(trained) = self.store.read_trained(&path)? {
            return Ok(trained);
        }
        let task = self.task(unit, index, part)?;
        let quantised = |report: OnTrainingStep<'_>| {
            let (member, curve) = train_quantised(&task, float.clone(), report)?;
            Ok((Quantised { aware: member.aware, quantisation: member.quantisation }, curve))
        };
        let trained = measured(quantised, report)
            .with_context(|| format!("cannot train member {} of {}", index + 1, self.title(unit)))?;
        self.store.write_trained(&path, &trained)?;
        self.store.remove_failure(&hashes.member);
        Ok(trained)
    }

    /// The results of both phases of a member's training.
    ///
    /// # Errors
    /// If the member is not trained, or a file was altered.
    fn read_member(&self, unit: &Unit, index: usize) -> Result<(Trained<FloatNetwork>, Trained<Quantised>)> {
        let hashes = unit.members.get(index).context("there is no such member")?;
        let missing = |path: &Path| {
            format!(
                "member {} of {} is not trained: {} is missing",
                index + 1,
                self.title(unit),
                path.display()
            )
        };
        let (float, member) = (self.store.float(&hashes.float), self.store.member(&hashes.member));
        let float = self.store.read_trained(&float)?.with_context(|| missing(&float))?;
        let member = self.store.read_trained(&member)?.with_context(|| missing(&member))?;
        Ok((float, member))
    }

    /// Returns whether a unit's networks are exported.
    pub fn is_exported(&self, unit: &Unit) -> bool {
        self.store.training_time(&unit.ensemble).is_file()
    }

    /// Exports a unit's networks, if they are not exported yet.
    pub fn export(&self, unit: &Unit) -> Result<()> {
        if self.is_exported(unit) {
            return Ok(());
        }
        let (mut members, mut time) = (Vec::new(), TrainingTime { seconds: 0.0, images: 0 });
        for index in 0..unit.members.len() {
            let (float, member) = self.read_member(unit, index)?;
            time.seconds += float.seconds + member.seconds;
            time.images += float.images + member.images;
            let Quantised { aware, quantisation } = member.network;
            members.push(TrainedMember { float: float.network, aware, quantisation });
        }
        let images = self.images(unit)?;
        let member_hashes: Vec<&str> = unit.members.iter().map(|hashes| hashes.member.as_str()).collect();
        let export = Export {
            experiment: self.experiment(unit)?,
            setting: &unit.setting,
            members: &members,
            training_hash: &member_hashes.join(" "),
            data: &images.data,
            validation: &images.validation,
        };
        export
            .write(&self.store.ensemble(&unit.ensemble), unit.ensemble.as_str().to_owned())
            .with_context(|| format!("cannot export the networks of {}", self.title(unit)))?;
        write_json(&self.store.training_time(&unit.ensemble), &time)
    }

    /// Reads and checks a unit's exported networks.
    pub fn read_exported(&self, unit: &Unit) -> Result<ExportedEnsemble> {
        let folder = self.store.ensemble(&unit.ensemble);
        read_ensemble(&folder)
            .with_context(|| format!("cannot use the exported networks of {}", self.title(unit)))
    }

    /// The training time of a unit's members.
    pub fn training_time(&self, unit: &Unit) -> Result<TrainingTime> {
        let path = self.store.training_time(&unit.ensemble);
        let read = || -> Result<TrainingTime> { Ok(serde_json::from_slice(&std::fs::read(&path)?)?) };
        read().with_context(|| format!("cannot read {}", path.display()))
    }

    /// Parameters and keys for a unit. The planner uses the costs of the portable kernel, so that shards on different
    /// processors get the same parameters.
    pub fn session(&self, unit: &Unit, exported: &ExportedEnsemble) -> Result<Session> {
        let policy = self.experiment(unit)?.encryption.policy();
        let ranged = [RangedEnsemble::from(exported)];
        let planned = match self.evaluator {
            Evaluator::Engine(kernel) => {
                Evaluator::Engine(Kernel::available().first().copied().unwrap_or(kernel))
            }
            Evaluator::Reference => Evaluator::Reference,
        };
        let test = self.images(unit)?.data.test.len();
        let choice = policy.choose(&ranged, test, &[planned]);
        let session =
            choice.and_then(|choice| Session::with_parameters(choice, policy.range, &ranged, self.evaluator));
        session.with_context(|| format!("cannot evaluate {}", self.title(unit)))
    }

    /// Evaluates the networks `exported` of a unit on the test images `first..end`, and writes the shard.
    pub fn evaluate_shard(
        &self,
        unit: &Unit,
        exported: &ExportedEnsemble,
        session: &Session,
        (first, end): (usize, usize),
    ) -> Result<()> {
        let images = self.images(unit)?;
        let indices: Vec<usize> = (first..end).collect();
        let test = images.data.test.select(&indices);
        let floats = (0..unit.members.len())
            .map(|index| Ok(self.read_member(unit, index)?.0.network))
            .collect::<Result<Vec<FloatNetwork>>>()?;
        // The validation images are evaluated with the first shard only.
        let validation = images.validation.take(if first == 0 { images.validation.len() } else { 0 });
        let inputs = SettingInputs {
            setting: &unit.setting.id,
            floats: &floats,
            ensemble: &exported.ensemble,
            observed_logit: RangedEnsemble::from(exported).observed_logit,
            validation: &validation,
            test: &EncryptedImages::new(session, &test),
        };
        let evaluation = evaluate_setting(&inputs, &StageProgress::new(self.title(unit)))
            .with_context(|| format!("cannot evaluate {}", self.title(unit)))?;
        let networks = networks_of(exported)?;
        let shard = Shard { first, end, networks, evaluation };
        write_json(&self.store.shard(&unit.evaluation, first, end), &shard)
    }

    /// Merges a unit's shards to the evaluation on all test images; `None` if there are no shards.
    ///
    /// # Errors
    /// If images are missing, or shards belong to different networks.
    pub fn merge_shards(&self, unit: &Unit) -> Result<Option<Evaluation>> {
        let images = self.images(unit)?.data.test.len();
        let shards = self.store.shards(&unit.evaluation, images);
        if shards.is_empty() {
            return Ok(None);
        }
        // Points that share an evaluation share its shards, which carry the name of one of the points.
        let merged = merge_shards(shards, images).with_context(|| {
            format!(
                "cannot merge the shards of {} in {}",
                self.title(unit),
                self.store.evaluations(&unit.evaluation).display()
            )
        })?;
        Ok(Some(renamed(merged, unit)))
    }

    /// The test images of one of `count` shards, as the first index and the index after the last; `shard` counts from 0.
    ///
    /// # Errors
    /// If there are more shards than test images.
    pub fn shard_images(&self, unit: &Unit, shard: usize, count: usize) -> Result<(usize, usize)> {
        let images = self.images(unit)?.data.test.len();
        if count > images {
            bail!("--shards is {count}, but there are {images} test images");
        }
        Ok((images * shard / count, images * (shard + 1) / count))
    }
}

/// Runs one phase of training, and measures its seconds and the images of its steps.
fn measured<T: Serialize>(
    train: impl FnOnce(OnTrainingStep<'_>) -> Result<(T, Vec<CurveRow>), TrainError>,
    report: OnTrainingStep<'_>,
) -> Result<Trained<T>> {
    let (start, images) = (Instant::now(), AtomicU64::new(0));
    let counted = |progress: StepReport| {
        images.fetch_add(progress.images as u64, Ordering::Relaxed);
        report(progress);
    };
    let (network, curve) = train(&counted)?;
    Trained::new(network, start.elapsed().as_secs_f64(), images.into_inner(), curve)
}

/// Identifies exported networks by their integers.
fn networks_of(exported: &ExportedEnsemble) -> Result<String> {
    fingerprint(&Fingerprint::of_ensemble(&exported.ensemble).to_string())
}

/// Replaces the setting in an evaluation, which points may share, by the unit's own.
fn renamed(mut evaluation: Evaluation, unit: &Unit) -> Evaluation {
    let setting = unit.setting.id.clone();
    for row in &mut evaluation.accuracy {
        row.split.clone_from(&setting.split);
        row.setting = setting.number;
        (row.share_low, row.share_high, row.seed) = (setting.share_low, setting.share_high, setting.seed);
    }
    for row in &mut evaluation.layers {
        row.split.clone_from(&setting.split);
        row.setting = setting.number;
    }
    for row in &mut evaluation.validation {
        row.split.clone_from(&setting.split);
        (row.setting, row.seed) = (setting.number, setting.seed);
    }
    for row in &mut evaluation.recall {
        row.split.clone_from(&setting.split);
        (row.setting, row.seed) = (setting.number, setting.seed);
    }
    for row in &mut evaluation.pairs {
        row.split.clone_from(&setting.split);
        (row.setting, row.seed) = (setting.number, setting.seed);
    }
    evaluation.setting = setting;
    evaluation
}
