//! Elapsed time over input sizes, with the run's first ensemble.

use anyhow::{Context, Result};
use sottovoce_bfv::Kernel;
use sottovoce_evaluate::{ElapsedTimes, measure_elapsed};
use sottovoce_network::disk::ExportedEnsemble;

use super::{Found, Run, found};
use crate::machine::processor;
use crate::output;
use crate::progress::StageProgress;
use crate::run_folder::{fingerprint, write_json};

/// Raised whenever something else is measured.
const VERSION: u32 = 3;

impl Run {
    /// What a measurement is made from; `exported` identifies the networks.
    pub(super) fn elapsed_inputs(&self, exported: &str) -> Result<String> {
        // What is measured is this machine's time: another processor or other threads, another measurement.
        fingerprint(&(
            VERSION,
            self.evaluator,
            Kernel::detect().to_string(),
            processor(),
            exported,
            &self.experiment.encryption,
            &self.experiment.elapsed.images,
            rayon::current_num_threads(),
            &self.data.checksums,
        ))
    }

    /// Measures elapsed time where the experiment asks for it and it was not measured yet; also whether it had to be.
    ///
    /// Images are the first ones of the training files, of which there are more than test images.
    pub fn measure_elapsed(&self, ensembles: &[ExportedEnsemble]) -> Result<(Option<ElapsedTimes>, bool)> {
        let sizes = &self.experiment.elapsed.images;
        let Some(first) = ensembles.first().filter(|_| !sizes.is_empty()) else { return Ok((None, false)) };
        let inputs = self.elapsed_inputs(&first.origin.input_hash)?;
        let path = self.folder.elapsed();
        if let Some(elapsed) = found(&path, &inputs) {
            return Ok((Some(elapsed), false));
        }
        let measure = || -> Result<ElapsedTimes> {
            let session = match self.session(ensembles)? {
                Some(session) => session,
                None => self.own_session(first)?,
            };
            let progress = StageProgress::new("elapsed time".to_owned());
            let (ensemble, images) = (&first.ensemble, &self.data.train);
            Ok(measure_elapsed(ensemble, &session, images, sizes, &progress)?)
        };
        let elapsed = measure().context("cannot measure elapsed time")?;
        let file = Found { inputs, found: elapsed };
        write_json(&path, &file)?;
        if let Some(row) = file.found.rows.last() {
            output::remark(&format!(
                "{} images from pixels to predictions in {:.1} s; {} mismatches",
                row.images, row.seconds, file.found.mismatches
            ));
        }
        Ok((Some(file.found), true))
    }
}
