//! Reports of work done, and cancellation.

/// Receives reports of finished work from any thread, and may cancel the work.
///
/// `()` ignores every report. A closure that takes a number of units is an observer that counts work and never cancels.
pub trait ProgressObserver: Sync {
    /// Called when a stage of `work` units begins and the stage before it is over.
    fn begin(&self, _stage: &str, _work: u64) {}

    /// Called when another `work` units are done.
    fn advance(&self, work: u64);

    /// Returns whether the work is no longer wanted. It then ends early with
    /// [`BfvError::Cancelled`](crate::BfvError::Cancelled).
    fn is_cancelled(&self) -> bool {
        false
    }
}

impl ProgressObserver for () {
    fn advance(&self, _: u64) {}
}

impl<F: Fn(u64) + Sync> ProgressObserver for F {
    fn advance(&self, work: u64) {
        self(work);
    }
}
