//! Export: trained members to integer networks on disk.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use sottovoce_dataset::{DataSet, LabelledImages};
use sottovoce_export::{choose_votes, integer_ensemble, observe_logits};
use sottovoce_network::disk::{FORMAT, Origin, read_input_hash, write_ensemble};
use sottovoce_network::{IntegerEnsemble, TrainedMember};

use super::train::TrainedFile;
use super::{Failure, Run};
use crate::config::{Averaging, Experiment, SettingPlan};
use crate::progress::Progress;
use crate::run_folder::fingerprint;

/// Raised whenever export gives other networks from the same members.
const VERSION: u32 = 2;

/// The most votes of a member where they are weighted: each doubling costs a bit of plaintext modulus.
const MOST_VOTES: i64 = 3;

/// Hash of everything that exported networks are made from, with members that `members` identifies; the validation images only where votes are chosen
/// by them.
pub fn export_inputs(experiment: &Experiment, members: &str, validation: usize) -> Result<String> {
    let votes = (experiment.ensemble.averaging == Averaging::Weighted).then_some((MOST_VOTES, validation));
    fingerprint(&(VERSION, FORMAT, members, votes))
}

impl Run {
    /// The trained members of a setting, which `train` has made.
    pub(super) fn required(&self, plan: &SettingPlan) -> Result<TrainedFile> {
        self.trained(plan)?
            .with_context(|| format!("the members of {} are not trained; run `train` first", plan.key()))
    }

    /// Exports every setting whose networks are not there yet; whether there was any. Settings that cannot be exported are left out
    /// of the run.
    pub fn export(&mut self) -> Result<bool> {
        let mut worked = false;
        let mut failures = Vec::new();
        for plan in self.plans() {
            let trained = self.required(plan)?;
            let inputs = self.export_inputs(&trained)?;
            if read_input_hash(&self.folder.ensemble(&plan.key())).as_ref() == Some(&inputs) {
                continue;
            }
            worked = true;
            let exported = self
                .export_setting(plan, &trained, inputs)
                .with_context(|| format!("cannot export the setting {}", plan.key()));
            if let Err(error) = exported {
                failures.push(Failure::of(plan, "export", error)?);
            }
        }
        self.leave_out(failures);
        Ok(worked)
    }

    fn export_inputs(&self, trained: &TrainedFile) -> Result<String> {
        export_inputs(&self.experiment, &trained.fingerprint, self.validation.len())
    }

    fn export_setting(&self, plan: &SettingPlan, trained: &TrainedFile, inputs: String) -> Result<()> {
        let export = Export {
            experiment: &self.experiment,
            plan,
            members: &trained.members,
            trained_from: &trained.inputs,
            data: &self.data,
            validation: &self.validation,
        };
        export.write(&self.folder.ensemble(&plan.key()), inputs)
    }
}

/// One ensemble to export.
pub struct Export<'a> {
    pub experiment: &'a Experiment,
    pub plan: &'a SettingPlan,
    pub members: &'a [TrainedMember],
    /// The hash of what the members were trained from.
    pub trained_from: &'a str,
    pub data: &'a DataSet,
    /// Images that votes are chosen on.
    pub validation: &'a LabelledImages,
}

impl Export<'_> {
    /// The members with the votes that do best on the validation images, and those votes.
    fn weighted(&self, ensemble: &IntegerEnsemble) -> Result<(IntegerEnsemble, Vec<i64>)> {
        let votes = choose_votes(ensemble, self.validation, MOST_VOTES)?;
        let members = ensemble.members().iter().zip(&votes).map(|(member, &vote)| member.with_votes(vote));
        Ok((IntegerEnsemble::new(members.collect::<Result<_, _>>()?)?, votes))
    }

    /// Rounds the members and writes the integer ensemble to `folder`; `inputs` identifies what it is made from.
    pub fn write(&self, folder: &Path, inputs: String) -> Result<()> {
        let mut ensemble = integer_ensemble(self.members)?;
        let mut votes = None;
        if self.experiment.ensemble.averaging == Averaging::Weighted {
            let (weighted, chosen) = self.weighted(&ensemble)?;
            ensemble = weighted;
            votes = Some(chosen.iter().map(i64::to_string).collect::<Vec<_>>().join(" "));
        }
        let images = &self.data.train;
        let title = format!("{}: measuring the range", self.plan.key());
        let progress = Progress::new(&title, images.len() as u64);
        let observed = observe_logits(&ensemble, images, &|| progress.advance(1))?;
        let setting = &self.plan.setting;
        let mut provenance = BTreeMap::from([
            ("experiment".to_owned(), self.experiment.name.clone()),
            ("data".to_owned(), self.data.name.clone()),
            ("split".to_owned(), setting.split.clone()),
            ("setting".to_owned(), setting.number.to_string()),
            ("shares".to_owned(), format!("{} to {}", setting.share_low, setting.share_high)),
            ("seed".to_owned(), setting.seed.to_string()),
            ("training inputs".to_owned(), self.trained_from.to_owned()),
        ]);
        if let Some(votes) = votes {
            provenance.insert("votes".to_owned(), votes);
        }
        let origin = Origin { observed: Some(observed), provenance, input_hash: inputs };
        Ok(write_ensemble(folder, &ensemble, &origin)?)
    }
}
