//! The place of a batch that is being received.

use std::io::{self, Read};
use std::sync::Arc;

use prometheus::IntCounter;
use sottovoce_bfv::ProgressObserver as _;
use sottovoce_protocol::provider::{Provider, ReceivedBatch};

use super::batches::{Admission, BatchName, Batches, QueuedBatch};
use super::progress::EvaluationProgress;
use super::refusal::{CANCELLED_BODY, Refusal};
use crate::resource::BatchState;

/// Result of asking for an upload slot.
pub enum Reservation {
    /// The body can be received.
    Slot(UploadSlot),
    /// The service has the batch already.
    Known(BatchState),
}

/// A slot for a batch that is being received. It is freed when it is dropped, unless the batch was queued.
pub struct UploadSlot {
    batches: Arc<Batches>,
    name: BatchName,
    progress: Arc<EvaluationProgress>,
    is_queued: bool,
}

impl UploadSlot {
    /// Reserves a slot.
    pub fn reserve(batches: &Arc<Batches>, name: BatchName) -> Result<Reservation, Refusal> {
        Ok(match batches.admit(name)? {
            Admission::Known(state) => Reservation::Known(state),
            Admission::Receive(progress) => {
                Reservation::Slot(Self { batches: batches.clone(), name, progress, is_queued: false })
            }
        })
    }

    /// Returns a reader of the body that adds its bytes to `counter` and fails once the batch is deleted.
    pub fn reader<'a, R: Read>(&'a self, body: R, counter: &'a IntCounter) -> SlotReader<'a, R> {
        SlotReader { body, counter, progress: &self.progress }
    }

    /// Queues the batch that `provider` received for its evaluation.
    pub fn queue(mut self, provider: Arc<Provider>, received: ReceivedBatch) -> Result<BatchState, Refusal> {
        let batch = QueuedBatch { name: self.name, provider, received, progress: self.progress.clone() };
        let state = self.batches.queue(batch)?;
        self.is_queued = true;
        Ok(state)
    }
}

impl Drop for UploadSlot {
    fn drop(&mut self) {
        if !self.is_queued {
            self.batches.release(self.name);
        }
    }
}

/// Reads the body of an upload.
pub struct SlotReader<'a, R> {
    body: R,
    counter: &'a IntCounter,
    progress: &'a EvaluationProgress,
}

impl<R: Read> Read for SlotReader<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.progress.is_cancelled() {
            return Err(io::Error::new(CANCELLED_BODY, "the batch was deleted"));
        }
        let length = self.body.read(buffer)?;
        self.counter.inc_by(length as u64);
        Ok(length)
    }
}
