//! The work that is left in a run, and an estimate of its time.

use std::time::Duration;

use anyhow::Result;
use indicatif::{HumanCount, HumanDuration};
use sottovoce_bfv::parameters::PAPER_DEGREE;
use sottovoce_evaluate::{ElapsedTimes, Evaluation, Evaluator};
use sottovoce_network::disk::read_input_hash;

use super::cache::read_cached;
use super::elapsed::elapsed_hash;
use super::evaluate::run_evaluation_hash;
use super::train::{images_per_setting, is_trained};
use crate::config::setting::SeededSetting;
use crate::run::experiment_run::ExperimentRun;
use crate::run::record::earlier_throughput;

/// Images per second that one thread of a current server core trains on.
const TRAINING_RATE: f64 = 15_000.0;

/// Seconds of one such thread for one member and batch with the engine. This includes classification in the clear and the
/// member's part of encryption and decryption.
const MEMBER_BATCH_SECONDS: f64 = 2.5;

/// Time of the reference evaluator, relative to the engine's.
const REFERENCE_RATIO: f64 = 11.0;

/// Encrypted evaluations that are left or done.
#[derive(Default)]
struct EvaluationWork {
    evaluations: usize,
    images: usize,
    /// Number of batches, times the members of their ensembles.
    member_batches: usize,
    seconds: f64,
}

/// Describes the work that is left and done, and estimates the time that is left.
///
/// Compares the hashes in files and does not read networks: a stage may still find that a network was altered.
pub fn outlook(run: &ExperimentRun) -> Result<String> {
    let settings: Vec<&SeededSetting> = run.trained_settings().collect();
    let mut to_train = Vec::new();
    for setting in &settings {
        if !is_trained(run, setting)? {
            to_train.push(*setting);
        }
    }
    let (mut left, mut done) = (EvaluationWork::default(), EvaluationWork::default());
    let evaluations =
        run.settings.iter().map(|setting| (setting, run.folder.evaluation(&setting.file_name())));
    let ranges = run.logit_ranges.iter().map(|(bits, setting)| (setting, run.folder.logit_range(*bits)));
    for (setting, path) in evaluations.chain(ranges) {
        let mut evaluation: Option<Evaluation> = None;
        if !to_train.contains(&setting)
            && let Some(exported) = read_input_hash(&run.folder.ensemble(&setting.file_name()))
        {
            evaluation = read_cached(&path, &run_evaluation_hash(run, &exported)?);
        }
        let work = if evaluation.is_some() { &mut done } else { &mut left };
        work.add(run.data.test.len(), setting.members());
        work.seconds += evaluation.map_or(0.0, |evaluation| evaluation.seconds);
    }
    if let Some(images) = elapsed_left(run)? {
        // The members of the first setting, and one more for encryption: no other evaluation shares it.
        left.add(images, run.experiment.ensemble.members + 1);
    }
    let members =
        |settings: &[&SeededSetting]| settings.iter().map(|setting| setting.members()).sum::<usize>();
    let count = |number: usize| HumanCount(number as u64);
    let work = format!(
        "  to train: {} of {} members; to classify under encryption: {} images in {} of {} evaluations",
        count(members(&to_train)),
        count(members(&settings)),
        count(left.images),
        left.evaluations,
        left.evaluations + done.evaluations,
    );
    Ok(format!("{work}\n  {}", estimate(run, to_train.len(), &left, &done)))
}

/// The largest number of images that elapsed time is to be measured for; `None` if everything is measured.
fn elapsed_left(run: &ExperimentRun) -> Result<Option<usize>> {
    let Some(&images) = run.experiment.elapsed.images.iter().max() else { return Ok(None) };
    let first =
        run.settings.first().and_then(|setting| read_input_hash(&run.folder.ensemble(&setting.file_name())));
    if let Some(exported) = first
        && read_cached::<ElapsedTimes>(&run.folder.elapsed(), &elapsed_hash(run, &exported)?).is_some()
    {
        return Ok(None);
    }
    Ok(Some(images))
}

fn estimate(run: &ExperimentRun, to_train: usize, left: &EvaluationWork, done: &EvaluationWork) -> String {
    let threads = rayon::current_num_threads() as f64;
    let basis = |measured| if measured { "measured earlier in this run" } else { "assumed" };
    let mut parts = Vec::new();
    let mut seconds = 0.0;
    if to_train > 0 {
        let earlier = earlier_throughput(&run.folder);
        let rate = earlier.map_or(TRAINING_RATE * threads, |earlier| earlier.images_per_second);
        let time = to_train as f64 * images_per_setting(run) as f64 / rate;
        seconds += time;
        parts.push(format!(
            "training {} at {} images/s ({})",
            human(time),
            HumanCount(rate as u64),
            basis(earlier.is_some())
        ));
    }
    if left.member_batches > 0 {
        let measured = done.member_batches > 0;
        let ratio = if run.evaluator == Evaluator::Reference { REFERENCE_RATIO } else { 1.0 };
        let each = if measured {
            done.seconds / done.member_batches as f64
        } else {
            MEMBER_BATCH_SECONDS * ratio / threads
        };
        let time = left.member_batches as f64 * each;
        seconds += time;
        parts.push(format!(
            "evaluation {} at {each:.1} s per member and batch ({})",
            human(time),
            basis(measured)
        ));
    }
    if parts.is_empty() {
        return "only the report is left to do".to_owned();
    }
    format!("about {}: {}", human(seconds), parts.join(", "))
}

impl EvaluationWork {
    fn add(&mut self, images: usize, members: usize) {
        self.evaluations += 1;
        self.images += images;
        // Time grows with the ring degree about as the size of a batch does, so batches of the paper's size are counted.
        self.member_batches += images.div_ceil(PAPER_DEGREE) * members;
    }
}

fn human(seconds: f64) -> HumanDuration {
    // Seconds that overflow a duration do not occur.
    HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
