//! Training, all settings in parallel.

use std::fs;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sottovoce_evaluate::records::encode_rows;
use sottovoce_network::TrainedMember;
use sottovoce_train::{TrainedEnsemble, train_ensemble};

use crate::config::setting::SeededSetting;
use crate::files;
use crate::json_files::fingerprint;
use crate::output;
use crate::run::experiment_run::{ExperimentRun, SettingFailure};
use crate::run::results::Throughput;
use crate::training_progress::TrainingProgress;

/// Raise this whenever training gives other members from the same inputs.
const VERSION: u32 = 3;

/// Contents of `trained.json`.
#[derive(Serialize, Deserialize)]
pub struct TrainedFile {
    #[serde(rename = "inputs")]
    pub input_hash: String,
    /// Fingerprint of the members. Files that are made from the members depend on it and not on `input_hash`: floating-point
    /// arithmetic of another machine may give slightly different members from the same inputs.
    pub fingerprint: String,
    pub training: Throughput,
    pub members: Vec<TrainedMember>,
}

/// Contents of `trained.json` without the members.
#[derive(Deserialize)]
struct TrainedHead {
    #[serde(rename = "inputs")]
    input_hash: String,
    training: Throughput,
}

/// Hash of everything that the members of `setting` are made from.
fn training_hash(run: &ExperimentRun, setting: &SeededSetting) -> Result<String> {
    fingerprint(&(
        VERSION,
        &run.experiment.architecture,
        setting.training(&run.experiment),
        &setting.division,
        setting.id.seed,
        (run.training.len(), run.validation.len()),
        &run.data.checksums,
    ))
}

/// The members of `setting`; `None` if they are not trained yet, or from other inputs.
///
/// # Errors
/// If the file was altered after training.
pub fn read_trained(run: &ExperimentRun, setting: &SeededSetting) -> Result<Option<TrainedFile>> {
    let Ok(text) = fs::read(run.folder.trained_members(&setting.file_name())) else { return Ok(None) };
    // A file that cannot be decoded counts as missing: training makes it again.
    let Ok(file) = serde_json::from_slice::<TrainedFile>(&text) else { return Ok(None) };
    if file.input_hash != training_hash(run, setting)? {
        return Ok(None);
    }
    let consistent = |member: &TrainedMember| member.float.is_consistent() && member.aware.is_consistent();
    ensure!(
        file.fingerprint == fingerprint(&file.members)? && file.members.iter().all(consistent),
        "{} was altered after training; delete it to train again",
        run.folder.trained_members(&setting.file_name()).display(),
    );
    Ok(Some(file))
}

/// The trained members of `setting`, which [`train`] made before.
///
/// # Errors
/// If the members are not trained, or their file was altered.
pub fn require_trained(run: &ExperimentRun, setting: &SeededSetting) -> Result<TrainedFile> {
    read_trained(run, setting)?
        .with_context(|| format!("the members of {} are not trained; run `train` first", setting.file_name()))
}

fn read_head(run: &ExperimentRun, setting: &SeededSetting) -> Option<TrainedHead> {
    serde_json::from_slice(&fs::read(run.folder.trained_members(&setting.file_name())).ok()?).ok()
}

/// Returns whether the members of `setting` are trained from the same inputs. Does not read the members.
pub fn is_trained(run: &ExperimentRun, setting: &SeededSetting) -> Result<bool> {
    let input_hash = training_hash(run, setting)?;
    Ok(read_head(run, setting).is_some_and(|head| head.input_hash == input_hash))
}

/// The speed at which the members of `setting` were trained.
pub fn throughput(run: &ExperimentRun, setting: &SeededSetting) -> Option<Throughput> {
    read_head(run, setting).map(|head| head.training)
}

/// Images that go through training steps for one setting, if no member diverges.
pub fn images_per_setting(run: &ExperimentRun) -> u64 {
    let training = &run.experiment.training;
    (run.training.len() * (training.float_epochs + training.quantised_epochs)) as u64
}

/// Trains the members of every setting that is not trained yet, and returns whether there was any. Calls `after_setting`
/// with the throughput so far after each setting. Settings that cannot be trained are left out of the run.
///
/// Settings are trained in parallel, so that all threads are busy whatever the number of members.
///
/// # Errors
/// If a file cannot be read or written, or `after_setting` fails.
pub fn train(
    run: &mut ExperimentRun,
    after_setting: &(dyn Fn(Throughput) -> Result<()> + Sync),
) -> Result<bool> {
    let mut missing = Vec::new();
    for setting in run.trained_settings() {
        if read_trained(run, setting)?.is_none() {
            missing.push(setting);
        }
    }
    if missing.is_empty() {
        return Ok(false);
    }
    let members: usize = missing.iter().map(|setting| setting.members()).sum();
    let progress = TrainingProgress::new(members, missing.len() as u64 * images_per_setting(run));
    let report = |step: sottovoce_train::StepReport| progress.add(&step);
    let train = |setting: &&SeededSetting| -> Result<Option<SettingFailure>> {
        if let Err(error) = train_setting(run, setting, &report) {
            return SettingFailure::new(setting, "train", error).map(Some);
        }
        after_setting(Throughput::since(progress.start(), progress.images()))?;
        Ok(None)
    };
    let failures: Vec<Option<SettingFailure>> =
        missing.par_iter().with_max_len(1).map(train).collect::<Result<_>>()?;
    drop(progress);
    run.leave_out(failures.into_iter().flatten().collect());
    Ok(true)
}

fn train_setting(
    run: &ExperimentRun,
    setting: &SeededSetting,
    report: &(dyn Fn(sottovoce_train::StepReport) + Sync),
) -> Result<()> {
    let parts = run.member_images(setting)?;
    let start = Instant::now();
    let (architecture, training) = (&run.experiment.architecture, setting.training(&run.experiment));
    let TrainedEnsemble { members, curve, images } =
        train_ensemble(&parts, architecture, &training, setting.id.seed, report)
            .with_context(|| format!("cannot train the setting {}", setting.file_name()))?;
    for row in curve.iter().filter(|row| row.attempt > 1 && row.epoch == 1) {
        let (member, attempt) = (row.member, row.attempt);
        output::remark(&format!(
            "{}: member {member} learned nothing; attempt {attempt} has half the learning rate",
            setting.file_name()
        ));
    }
    let training = Throughput::since(start, images);
    let input_hash = training_hash(run, setting)?;
    let file = TrainedFile { input_hash, fingerprint: fingerprint(&members)?, training, members };
    let json = serde_json::to_vec(&file).context("cannot encode trained members as JSON")?;
    // The members are written last: their file marks the setting as trained.
    let curve = encode_rows(&curve)?;
    files::write(&run.folder.training_curve(&setting.file_name()), &curve)?;
    files::write(&run.folder.trained_members(&setting.file_name()), &json)
}
