//! Elapsed time for several numbers of images, with the run's first ensemble.

use anyhow::{Context, Result};
use sottovoce_bfv::Kernel;
use sottovoce_evaluate::{ElapsedTimes, measure_elapsed};
use sottovoce_network::disk::ExportedEnsemble;

use super::cache::{Cached, read_cached};
use super::evaluate::{common_session, separate_session};
use crate::json_files::{fingerprint, write_json};
use crate::machine::processor;
use crate::output;
use crate::progress::StageProgress;
use crate::run::experiment_run::ExperimentRun;

/// Raise this whenever something else is measured.
const VERSION: u32 = 3;

/// Hash of everything that the measurement depends on; `exported` identifies the networks.
pub fn elapsed_hash(run: &ExperimentRun, exported: &str) -> Result<String> {
    // Time depends on the machine, so the processor and the number of threads are part of the hash.
    fingerprint(&(
        VERSION,
        run.evaluator,
        Kernel::detect().to_string(),
        processor(),
        exported,
        &run.experiment.encryption,
        &run.experiment.elapsed.images,
        rayon::current_num_threads(),
        &run.data.checksums,
    ))
}

/// Measures elapsed time, if the experiment asks for it and it was not measured yet. Returns the result, and whether it was
/// measured now.
///
/// The images are the first training images, because there are more training images than test images.
///
/// # Errors
/// If the ensemble cannot be evaluated, or a file cannot be written.
pub fn measure_elapsed_time(
    run: &ExperimentRun,
    ensembles: &[ExportedEnsemble],
) -> Result<(Option<ElapsedTimes>, bool)> {
    let sizes = &run.experiment.elapsed.images;
    let Some(first) = ensembles.first().filter(|_| !sizes.is_empty()) else { return Ok((None, false)) };
    let input_hash = elapsed_hash(run, &first.origin.input_hash)?;
    let path = run.folder.elapsed();
    if let Some(elapsed) = read_cached(&path, &input_hash) {
        return Ok((Some(elapsed), false));
    }
    let measure = || -> Result<ElapsedTimes> {
        let session = match common_session(run, ensembles)? {
            Some(session) => session,
            None => separate_session(run, first)?,
        };
        let progress = StageProgress::new("elapsed time".to_owned());
        let (ensemble, images) = (&first.ensemble, &run.data.train);
        Ok(measure_elapsed(ensemble, &session, images, sizes, &progress)?)
    };
    let elapsed = measure().context("cannot measure elapsed time")?;
    let file = Cached { input_hash, result: elapsed };
    write_json(&path, &file)?;
    if let Some(row) = file.result.rows.last() {
        output::remark(&format!(
            "{} images from pixels to predictions in {:.1} s; {} mismatches",
            row.images, row.seconds, file.result.mismatches
        ));
    }
    Ok((Some(file.result), true))
}
