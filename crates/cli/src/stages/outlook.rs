//! What a run will do, and about how long it will take.

use std::time::Duration;

use anyhow::Result;
use indicatif::{HumanCount, HumanDuration};
use sottovoce_bfv::parameters::PAPER_DEGREE;
use sottovoce_evaluate::{ElapsedTimes, Evaluation, Evaluator};
use sottovoce_network::disk::read_input_hash;

use super::{Run, found};
use crate::config::SettingPlan;
use crate::run_record::earlier_throughput;

/// Images that one thread of a current server core trains on in a second.
const TRAINING_RATE: f64 = 15_000.0;

/// Seconds of one such thread for one member and batch with the engine, classification in the clear and the member's
/// part of encryption and decryption included.
const MEMBER_BATCH_SECONDS: f64 = 2.5;

/// How much longer the reference evaluator takes.
const REFERENCE_RATIO: f64 = 11.0;

/// Work on batches, left or done.
#[derive(Default)]
struct Batches {
    evaluations: usize,
    images: usize,
    /// Batches, for each member one.
    members: usize,
    seconds: f64,
}

impl Run {
    /// What is left to do, what is done, and an estimate of the time with what it is based on.
    ///
    /// Goes by what files say they were made from and does not read networks: a stage may still find one altered.
    pub fn outlook(&self) -> Result<String> {
        let plans: Vec<&SettingPlan> = self.plans().collect();
        let mut to_train = Vec::new();
        for plan in &plans {
            if !self.is_trained(plan)? {
                to_train.push(*plan);
            }
        }
        let (mut left, mut done) = (Batches::default(), Batches::default());
        let settings = self.settings.iter().map(|plan| (plan, self.folder.evaluation(&plan.key())));
        let ranges = self.logit_ranges.iter().map(|(bits, plan)| (plan, self.folder.bits(*bits)));
        for (plan, path) in settings.chain(ranges) {
            let mut evaluation: Option<Evaluation> = None;
            if !to_train.contains(&plan)
                && let Some(exported) = read_input_hash(&self.folder.ensemble(&plan.key()))
            {
                evaluation = found(&path, &self.evaluation_inputs(&exported)?);
            }
            let batches = if evaluation.is_some() { &mut done } else { &mut left };
            batches.add(self.data.test.len(), plan.members());
            batches.seconds += evaluation.map_or(0.0, |evaluation| evaluation.seconds);
        }
        if let Some(images) = self.elapsed_left()? {
            // The first setting's members, and as much as one more for encryption, which is shared by nobody here.
            left.add(images, self.experiment.ensemble.members + 1);
        }
        let members = |plans: &[&SettingPlan]| plans.iter().map(|plan| plan.members()).sum::<usize>();
        let count = |number: usize| HumanCount(number as u64);
        let work = format!(
            "  to train: {} of {} members; to classify under encryption: {} images in {} of {} evaluations",
            count(members(&to_train)),
            count(members(&plans)),
            count(left.images),
            left.evaluations,
            left.evaluations + done.evaluations,
        );
        Ok(format!("{work}\n  {}", self.estimate(to_train.len(), &left, &done)))
    }

    /// Images that are left to classify by the clock.
    fn elapsed_left(&self) -> Result<Option<usize>> {
        let Some(&images) = self.experiment.elapsed.images.iter().max() else { return Ok(None) };
        let first =
            self.settings.first().and_then(|plan| read_input_hash(&self.folder.ensemble(&plan.key())));
        if let Some(exported) = first
            && found::<ElapsedTimes>(&self.folder.elapsed(), &self.elapsed_inputs(&exported)?).is_some()
        {
            return Ok(None);
        }
        Ok(Some(images))
    }

    fn estimate(&self, to_train: usize, left: &Batches, done: &Batches) -> String {
        let threads = rayon::current_num_threads() as f64;
        let basis = |measured| if measured { "measured in this run before" } else { "assumed" };
        let mut parts = Vec::new();
        let mut seconds = 0.0;
        if to_train > 0 {
            let earlier = earlier_throughput(&self.folder);
            let rate = earlier.map_or(TRAINING_RATE * threads, |earlier| earlier.images_per_second);
            let time = to_train as f64 * self.training_work() as f64 / rate;
            seconds += time;
            parts.push(format!(
                "training {} at {} images/s ({})",
                human(time),
                HumanCount(rate as u64),
                basis(earlier.is_some())
            ));
        }
        if left.members > 0 {
            let measured = done.members > 0;
            let ratio = if self.evaluator == Evaluator::Reference { REFERENCE_RATIO } else { 1.0 };
            let each = if measured {
                done.seconds / done.members as f64
            } else {
                MEMBER_BATCH_SECONDS * ratio / threads
            };
            let time = left.members as f64 * each;
            seconds += time;
            parts.push(format!(
                "evaluation {} at {each:.1} s for a member and batch ({})",
                human(time),
                basis(measured)
            ));
        }
        if parts.is_empty() {
            return "nothing is left to do but the report".to_owned();
        }
        format!("about {}: {}", human(seconds), parts.join(", "))
    }
}

impl Batches {
    fn add(&mut self, images: usize, members: usize) {
        self.evaluations += 1;
        self.images += images;
        // Batches of other sizes take about as much more or less time.
        self.members += images.div_ceil(PAPER_DEGREE) * members;
    }
}

fn human(seconds: f64) -> HumanDuration {
    // A machine so slow that seconds overflow is none.
    HumanDuration(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
