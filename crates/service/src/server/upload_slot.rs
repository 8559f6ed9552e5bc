//! The slot of a batch that is being received.

use std::sync::Arc;

use sottovoce_protocol::provider::{Provider, ReceivedBatch};

use super::batch_name::BatchName;
use super::batches::{Admission, Batches};
use super::refusal::Refusal;
use super::upload_progress::UploadProgress;
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
    progress: Arc<UploadProgress>,
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

    /// Returns the progress of the upload.
    pub fn progress(&self) -> &Arc<UploadProgress> {
        &self.progress
    }

    /// Queues the batch that `provider` received for its evaluation.
    pub fn queue(mut self, provider: Arc<Provider>, received: ReceivedBatch) -> Result<BatchState, Refusal> {
        let state = self.batches.queue(self.name, provider, received)?;
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
