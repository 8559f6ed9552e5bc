//! How a run reports that it goes on.

/// Told of every stage of an evaluation and of the work done in it, from any thread.
pub trait Progress: Sync {
    /// A stage of `work` units begins; the one before it is over.
    fn begin(&self, stage: &str, work: u64);

    /// `work` units more are done.
    fn advance(&self, work: u64);
}

/// Reports nothing.
impl Progress for () {
    fn begin(&self, _: &str, _: u64) {}

    fn advance(&self, _: u64) {}
}
