//! Export of trained members as integer networks.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use sottovoce_dataset::{DataSet, LabelledImages};
use sottovoce_export::{choose_votes, observe_logits, round_members};
use sottovoce_network::disk::{FORMAT, Origin, read_input_hash, write_ensemble};
use sottovoce_network::{IntegerEnsemble, TrainedMember};

use super::train::{TrainedFile, require_trained};
use crate::config::experiment::{Averaging, Experiment};
use crate::config::setting::SeededSetting;
use crate::json_files::fingerprint;
use crate::progress::Progress;
use crate::run::experiment_run::{ExperimentRun, SettingFailure};

/// Raise this whenever export gives other networks from the same members.
const VERSION: u32 = 2;

/// Largest number of votes of a member, if votes are weighted: each doubling costs a bit of plaintext modulus.
const MAX_VOTES: i64 = 3;

/// Hash of everything that exported networks are made from. `members` identifies the members; `validation` is the number of
/// validation images, which counts if votes are chosen on them.
pub fn export_hash(experiment: &Experiment, members: &str, validation: usize) -> Result<String> {
    let votes = (experiment.ensemble.averaging == Averaging::Weighted).then_some((MAX_VOTES, validation));
    fingerprint(&(VERSION, FORMAT, members, votes))
}

/// Exports every setting that is not exported yet, and returns whether there was any. Settings that cannot be exported are left
/// out of the run.
///
/// # Errors
/// If a setting is not trained, or a file cannot be read or written.
pub fn export(run: &mut ExperimentRun) -> Result<bool> {
    let mut worked = false;
    let mut failures = Vec::new();
    for setting in run.trained_settings() {
        let trained = require_trained(run, setting)?;
        let input_hash = export_hash(&run.experiment, &trained.fingerprint, run.validation.len())?;
        if read_input_hash(&run.folder.ensemble(&setting.file_name())).as_ref() == Some(&input_hash) {
            continue;
        }
        worked = true;
        let exported = export_setting(run, setting, &trained, input_hash)
            .with_context(|| format!("cannot export the setting {}", setting.file_name()));
        if let Err(error) = exported {
            failures.push(SettingFailure::new(setting, "export", error)?);
        }
    }
    run.leave_out(failures);
    Ok(worked)
}

fn export_setting(
    run: &ExperimentRun,
    setting: &SeededSetting,
    trained: &TrainedFile,
    input_hash: String,
) -> Result<()> {
    let export = Export {
        experiment: &run.experiment,
        setting,
        members: &trained.members,
        training_hash: &trained.input_hash,
        data: &run.data,
        validation: &run.validation,
    };
    export.write(&run.folder.ensemble(&setting.file_name()), input_hash)
}

/// One ensemble to export.
pub struct Export<'a> {
    pub experiment: &'a Experiment,
    pub setting: &'a SeededSetting,
    pub members: &'a [TrainedMember],
    /// Hash of everything that the members were trained from.
    pub training_hash: &'a str,
    pub data: &'a DataSet,
    /// The images that votes are chosen on.
    pub validation: &'a LabelledImages,
}

impl Export<'_> {
    /// The ensemble with the votes that have the best accuracy on the validation images, and these votes.
    fn weighted(&self, ensemble: &IntegerEnsemble) -> Result<(IntegerEnsemble, Vec<i64>)> {
        let votes = choose_votes(ensemble, self.validation, MAX_VOTES)?;
        let members = ensemble.members().iter().zip(&votes).map(|(member, &vote)| member.with_votes(vote));
        Ok((IntegerEnsemble::new(members.collect::<Result<_, _>>()?)?, votes))
    }

    /// Rounds the members and writes the integer ensemble to `folder`, with the hash of everything that it is made from.
    ///
    /// # Errors
    /// If the members cannot be rounded, or a file cannot be written.
    pub fn write(&self, folder: &Path, input_hash: String) -> Result<()> {
        let mut ensemble = round_members(self.members)?;
        let mut votes = None;
        if self.experiment.ensemble.averaging == Averaging::Weighted {
            let (weighted, chosen) = self.weighted(&ensemble)?;
            ensemble = weighted;
            votes = Some(chosen.iter().map(i64::to_string).collect::<Vec<_>>().join(" "));
        }
        let images = &self.data.train;
        let title = format!("{}: measuring the range", self.setting.file_name());
        let progress = Progress::new(&title, images.len() as u64);
        let observed = observe_logits(&ensemble, images, &|| progress.advance(1))?;
        let setting = &self.setting.id;
        let mut provenance = BTreeMap::from([
            ("experiment".to_owned(), self.experiment.name.clone()),
            ("data".to_owned(), self.data.name.clone()),
            ("split".to_owned(), setting.split.clone()),
            ("setting".to_owned(), setting.number.to_string()),
            ("shares".to_owned(), format!("{} to {}", setting.share_low, setting.share_high)),
            ("seed".to_owned(), setting.seed.to_string()),
            ("training inputs".to_owned(), self.training_hash.to_owned()),
        ]);
        if let Some(votes) = votes {
            provenance.insert("votes".to_owned(), votes);
        }
        let origin = Origin { observed: Some(observed), provenance, input_hash };
        Ok(write_ensemble(folder, &ensemble, &origin)?)
    }
}
