//! Export: trained members to integer networks on disk.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sottovoce_export::{choose_votes, integer_ensemble, observe};
use sottovoce_network::IntegerEnsemble;
use sottovoce_network::disk::{FORMAT, Origin, read_inputs, write_ensemble};

use super::Run;
use super::train::TrainedFile;
use crate::config::{Averaging, SettingPlan};
use crate::progress::Progress;
use crate::run_folder::fingerprint;

/// Raised whenever export gives other networks from the same members.
const VERSION: u32 = 2;

/// The most votes of a member where they are weighted: each doubling costs a bit of plaintext modulus.
const MOST_VOTES: i64 = 3;

impl Run {
    /// The trained members of a setting, which `train` has made.
    pub(super) fn required(&self, plan: &SettingPlan) -> Result<TrainedFile> {
        self.trained(plan)?
            .with_context(|| format!("the members of {} are not trained; run `train` first", plan.key()))
    }

    /// Exports every setting whose networks are not there yet; whether there was any.
    pub fn export(&self) -> Result<bool> {
        let mut worked = false;
        for plan in self.plans() {
            let trained = self.required(plan)?;
            let inputs = self.export_inputs(&trained)?;
            if read_inputs(&self.folder.ensemble(&plan.key())).as_ref() != Some(&inputs) {
                self.export_setting(plan, &trained, inputs)
                    .with_context(|| format!("cannot export the setting {}", plan.key()))?;
                worked = true;
            }
        }
        Ok(worked)
    }

    /// What exported networks are made from; the validation images only where votes are chosen by them.
    fn export_inputs(&self, trained: &TrainedFile) -> Result<String> {
        let averaging = self.experiment.ensemble.averaging;
        let votes = (averaging == Averaging::Weighted).then_some((MOST_VOTES, self.validation.len()));
        fingerprint(&(VERSION, FORMAT, &trained.fingerprint, votes))
    }

    /// The members with the votes that do best on the validation images, and those votes.
    fn weighted(&self, ensemble: &IntegerEnsemble) -> Result<(IntegerEnsemble, Vec<i64>)> {
        let votes = choose_votes(ensemble, &self.validation, MOST_VOTES)?;
        let members = ensemble.members().iter().zip(&votes).map(|(member, &vote)| member.with_vote(vote));
        Ok((IntegerEnsemble::new(members.collect::<Result<_, _>>()?)?, votes))
    }

    fn export_setting(&self, plan: &SettingPlan, trained: &TrainedFile, inputs: String) -> Result<()> {
        let mut ensemble = integer_ensemble(&trained.members)?;
        let mut votes = None;
        if self.experiment.ensemble.averaging == Averaging::Weighted {
            let (weighted, chosen) = self.weighted(&ensemble)?;
            ensemble = weighted;
            votes = Some(chosen.iter().map(i64::to_string).collect::<Vec<_>>().join(" "));
        }
        let images = &self.data.train;
        let progress = Progress::new(&format!("{}: measuring the range", plan.key()), images.len() as u64);
        let observed = observe(&ensemble, images, &|| progress.advance(1))?;
        let setting = &plan.setting;
        let mut provenance = BTreeMap::from([
            ("experiment".to_owned(), self.experiment.name.clone()),
            ("data".to_owned(), self.data.name.clone()),
            ("split".to_owned(), setting.split.clone()),
            ("setting".to_owned(), setting.number.to_string()),
            ("shares".to_owned(), format!("{} to {}", setting.share_low, setting.share_high)),
            ("seed".to_owned(), setting.seed.to_string()),
            ("training inputs".to_owned(), trained.inputs.clone()),
        ]);
        if let Some(votes) = votes {
            provenance.insert("votes".to_owned(), votes);
        }
        let origin = Origin { observed: Some(observed), provenance, inputs };
        Ok(write_ensemble(&self.folder.ensemble(&plan.key()), &ensemble, &origin)?)
    }
}
