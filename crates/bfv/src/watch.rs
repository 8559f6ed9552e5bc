//! Who waits for an evaluation.

/// Is told of an evaluation's work from any thread, and may end it. Closures that take the work do the former alone.
pub trait Watch: Sync {
    /// `work` units more are done.
    fn advance(&self, work: u64);

    /// Whether nobody waits any longer: the evaluation then ends with [`BfvError::Cancelled`](crate::BfvError).
    fn cancelled(&self) -> bool {
        false
    }
}

impl<F: Fn(u64) + Sync> Watch for F {
    fn advance(&self, work: u64) {
        self(work);
    }
}
