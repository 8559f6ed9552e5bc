//! Progress of training.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::output;
use crate::progress::Progress;

/// Progress of training, with the speed in images per second, from any thread.
pub struct TrainingProgress {
    bar: Progress,
    start: Instant,
    steps: AtomicU64,
    images: AtomicU64,
}

/// Number of training steps after which the speed is shown again: text that changes at every step cannot be read.
const STEPS_PER_NOTE: u64 = 100;

impl TrainingProgress {
    /// Begins the training of `members`, with `images` images in all steps together.
    pub fn new(members: usize, images: u64) -> Self {
        let title = format!("training {}", output::counted(members, "member", "members"));
        Self {
            bar: Progress::new(&title, images),
            start: Instant::now(),
            steps: AtomicU64::new(0),
            images: AtomicU64::new(0),
        }
    }

    /// Adds a finished training step.
    pub fn add(&self, step: &sottovoce_train::StepReport) {
        self.bar.advance(step.images as u64);
        let images = self.images.fetch_add(step.images as u64, Ordering::Relaxed);
        if self.steps.fetch_add(1, Ordering::Relaxed).is_multiple_of(STEPS_PER_NOTE) {
            let rate = images as f64 / self.start.elapsed().as_secs_f64();
            self.bar.note(&format!("{rate:.0} images/s, loss {:.3}", step.loss));
        }
    }

    pub fn start(&self) -> Instant {
        self.start
    }

    /// Images of all finished steps.
    pub fn images(&self) -> u64 {
        self.images.load(Ordering::Relaxed)
    }
}
