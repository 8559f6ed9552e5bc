//! Export: trained members to integer networks on disk.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use sottovoce_export::{integer_ensemble, observe};
use sottovoce_network::disk::{ExportedEnsemble, FORMAT, Origin, read_ensemble, read_inputs, write_ensemble};

use super::Run;
use super::train::TrainedFile;
use crate::config::SettingPlan;
use crate::progress::Progress;
use crate::run_folder::fingerprint;

/// Raised whenever export gives other networks from the same members.
const VERSION: u32 = 1;

impl Run {
    /// The trained members and the exported ensemble of a setting, which `export` has made.
    ///
    /// Networks that were altered on disk are refused and not silently made again.
    pub fn exported(&self, plan: &SettingPlan) -> Result<(TrainedFile, ExportedEnsemble)> {
        Ok((self.required(plan)?, read_ensemble(&self.folder.ensemble(&plan.key()))?))
    }

    fn required(&self, plan: &SettingPlan) -> Result<TrainedFile> {
        self.trained(plan)?
            .with_context(|| format!("the members of {} are not trained; run `train` first", plan.key()))
    }

    /// Exports every setting whose networks are not there yet; whether there was any.
    pub fn export(&self) -> Result<bool> {
        let mut worked = false;
        for plan in &self.settings {
            let trained = self.required(plan)?;
            let inputs = fingerprint(&(VERSION, FORMAT, &trained.fingerprint))?;
            if read_inputs(&self.folder.ensemble(&plan.key())).as_ref() != Some(&inputs) {
                self.export_setting(plan, &trained, inputs)
                    .with_context(|| format!("cannot export the setting {}", plan.key()))?;
                worked = true;
            }
        }
        Ok(worked)
    }

    fn export_setting(&self, plan: &SettingPlan, trained: &TrainedFile, inputs: String) -> Result<()> {
        let ensemble = integer_ensemble(&trained.members)?;
        let images = &self.data.train;
        let progress = Progress::new(&format!("{}: measuring the range", plan.key()), images.len() as u64);
        let observed = observe(&ensemble, images, &|| progress.advance(1))?;
        let setting = &plan.setting;
        let provenance = BTreeMap::from([
            ("experiment".to_owned(), self.experiment.name.clone()),
            ("data".to_owned(), self.data.name.clone()),
            ("split".to_owned(), setting.split.clone()),
            ("setting".to_owned(), setting.number.to_string()),
            ("shares".to_owned(), format!("{} to {}", setting.share_low, setting.share_high)),
            ("seed".to_owned(), setting.seed.to_string()),
            ("training inputs".to_owned(), trained.inputs.clone()),
        ]);
        let origin = Origin { observed: Some(observed), provenance, inputs };
        Ok(write_ensemble(&self.folder.ensemble(&plan.key()), &ensemble, &origin)?)
    }
}
