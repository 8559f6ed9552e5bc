//! Progress of an evaluation, which other threads read and can cancel.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sottovoce_bfv::ProgressObserver;

/// Progress of one batch's evaluation.
#[derive(Debug, Default)]
pub struct EvaluationProgress {
    total: AtomicU64,
    done: AtomicU64,
    is_cancelled: AtomicBool,
}

impl EvaluationProgress {
    /// Sets the total work, in the units that the evaluation reports.
    pub fn set_total(&self, work: u64) {
        self.total.store(work, Ordering::Relaxed);
    }

    /// Returns the finished share of the work, from 0 to 1.
    pub fn finished_share(&self) -> f64 {
        let total = self.total.load(Ordering::Relaxed).max(1);
        (self.done.load(Ordering::Relaxed) as f64 / total as f64).min(1.0)
    }

    /// Asks the thread that receives or evaluates the batch to stop.
    pub fn cancel(&self) {
        self.is_cancelled.store(true, Ordering::Relaxed);
    }
}

impl ProgressObserver for EvaluationProgress {
    fn advance(&self, work: u64) {
        self.done.fetch_add(work, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}
