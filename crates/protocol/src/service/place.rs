//! The place of a batch that is being received.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::batches::{BatchName, BatchState, Batches, Job, Work};
use super::refusal::Refusal;
use crate::ReceivedBatch;

/// What became of a request to send a batch.
pub enum Admission {
    /// The body shall come.
    Receive(Place),
    /// The batch is there already.
    Known(BatchState),
}

/// The place of a batch that is being received. It is free again when this is dropped, unless the batch was queued.
pub struct Place {
    batches: Arc<Batches>,
    name: BatchName,
    work: Arc<Work>,
    queued: bool,
}

impl Place {
    pub fn new(batches: &Arc<Batches>, name: BatchName, work: &Arc<Work>) -> Self {
        Self { batches: batches.clone(), name, work: work.clone(), queued: false }
    }

    /// Whether nobody wants the batch any longer.
    pub fn cancelled(&self) -> bool {
        self.work.cancelled.load(Ordering::Relaxed)
    }

    /// Lets the batch, which has been received, wait for its evaluation.
    pub fn queue(mut self, received: ReceivedBatch) -> Result<BatchState, Refusal> {
        let state = self.batches.queue(Job { name: self.name, received, work: self.work.clone() })?;
        self.queued = true;
        Ok(state)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.queued {
            self.batches.release(self.name);
        }
    }
}
