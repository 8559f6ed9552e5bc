//! The batches of a service, from the first byte of an upload until the client has fetched the answer.
//!
//! A batch is named by the fingerprints of its client's keys and of its message. A client that sends a batch again names the
//! same batch: it is received once, evaluated once, and answered as often as the client asks.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use sottovoce_bfv::ProgressObserver as _;
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::provider::{Provider, ReceivedBatch};

use super::answer_share::surplus_answers;
use super::batch_name::BatchName;
use super::evaluation_times::{EvaluationKind, EvaluationTimes};
use super::fair_queue::FairQueue;
use super::limits::Limits;
use super::progress::EvaluationProgress;
use super::refusal::Refusal;
use super::upload_progress::{UploadEnd, UploadProgress};
use super::waiting_clients::WaitingClients;
use crate::resource::BatchState;

/// Longest time after which a client without a slot is told to ask again. A free slot is kept for it until then.
const MAX_SLOT_WAIT: Duration = Duration::from_secs(5);

/// Time after which a client is told to ask again if a slow upload is about to give up its slot.
const YIELDED_SLOT_WAIT: Duration = Duration::from_secs(1);

/// A batch that waits for its evaluation.
pub struct QueuedBatch {
    pub name: BatchName,
    /// Provider that received the batch and evaluates it, also if other models have replaced its models meanwhile.
    pub provider: Arc<Provider>,
    pub received: ReceivedBatch,
    pub progress: Arc<EvaluationProgress>,
}

/// Result of announcing an upload.
pub enum Admission {
    /// The body can be received. The batch occupies its slot until it is evaluated or released.
    Receive(Arc<UploadProgress>),
    /// The service has the batch already.
    Known(BatchState),
}

enum BatchEntry {
    Receiving(Arc<UploadProgress>),
    Waiting(Arc<EvaluationProgress>),
    Computing(Arc<EvaluationProgress>),
    Answered {
        /// The only lasting reference: responses refer to the answer weakly. With a `Vec`, weak references keep no bytes.
        answer: Arc<Vec<u8>>,
        since: Instant,
    },
    /// The evaluation failed, and would fail again.
    Failed {
        refusal: Refusal,
        since: Instant,
    },
}

/// All batches of a service.
pub struct Batches {
    limits: Limits,
    inner: Mutex<Inner>,
    /// Notified when a batch is queued and when the service stops.
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<BatchName, BatchEntry>,
    /// Waiting batches. The client whose evaluations took least time lately is first.
    queue: FairQueue<QueuedBatch>,
    /// Clients that wait for a slot.
    waiting: WaitingClients,
    times: EvaluationTimes,
    /// No new batches are admitted.
    is_closed: bool,
    /// No batches are evaluated.
    is_stopped: bool,
}

impl Batches {
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default(), changed: Condvar::new() }
    }

    /// Occupies a slot for a batch whose body is about to arrive.
    pub fn admit(&self, name: BatchName) -> Result<Admission, Refusal> {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        match inner.entries.get(&name) {
            Some(BatchEntry::Receiving(_)) => return Err(Refusal::batch_arriving()),
            Some(BatchEntry::Failed { refusal, .. }) => return Err(refusal.clone()),
            Some(_) => return Ok(Admission::Known(inner.state(name)?)),
            None => {}
        }
        if inner.is_closed {
            return Err(Refusal::stopping());
        }
        let own = inner.slots_of(name.key);
        if own >= self.limits.batches_per_client {
            let max = self.limits.batches_per_client;
            return Err(Refusal::too_many_batches_of_client(max, inner.times.expected_of_any()));
        }
        inner.reserve_slot(name.key, own, &self.limits)?;
        let progress = Arc::new(UploadProgress::new(&self.limits));
        inner.entries.insert(name, BatchEntry::Receiving(progress.clone()));
        Ok(Admission::Receive(progress))
    }

    /// Queues a received batch for its evaluation.
    pub fn queue(
        &self,
        name: BatchName,
        provider: Arc<Provider>,
        received: ReceivedBatch,
    ) -> Result<BatchState, Refusal> {
        let mut inner = self.inner.lock();
        if let Some(BatchEntry::Receiving(upload)) = inner.entries.get(&name)
            && upload.end_reason() == Some(UploadEnd::Cancelled)
        {
            return Err(Refusal::deleted_after_upload());
        }
        let progress = Arc::new(EvaluationProgress::default());
        inner.entries.insert(name, BatchEntry::Waiting(progress.clone()));
        inner.waiting.note_upload_end(name.key, true);
        let seconds = inner.times.expected(EvaluationKind::of(&provider)).as_secs_f64();
        inner.queue.push(name, QueuedBatch { name, provider, received, progress }, seconds, Instant::now());
        self.changed.notify_one();
        inner.state(name)
    }

    /// Frees the slot of a batch that was not received.
    pub fn release(&self, name: BatchName) {
        let mut inner = self.inner.lock();
        inner.entries.remove(&name);
        inner.waiting.note_upload_end(name.key, false);
    }

    /// Returns the state of a batch.
    pub fn state(&self, name: BatchName) -> Result<BatchState, Refusal> {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        inner.state(name)
    }

    /// Returns the answer to a batch, or its state if there is no answer yet.
    pub fn answer(&self, name: BatchName) -> Result<Result<Arc<Vec<u8>>, BatchState>, Refusal> {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        if let Some(BatchEntry::Answered { answer, .. }) = inner.entries.get(&name) {
            return Ok(Ok(answer.clone()));
        }
        inner.state(name).map(Err)
    }

    /// Deletes a batch in any state.
    pub fn delete(&self, name: BatchName) -> Result<(), Refusal> {
        if self.inner.lock().delete(name) { Ok(()) } else { Err(Refusal::no_such_batch()) }
    }

    /// Returns whether a client has batches in any state.
    pub fn has_batches_of(&self, key: Fingerprint) -> bool {
        self.inner.lock().entries.keys().any(|name| name.key == key)
    }

    /// Deletes all batches of a client.
    pub fn delete_of_client(&self, key: Fingerprint) {
        let mut inner = self.inner.lock();
        let names: Vec<BatchName> = inner.entries.keys().filter(|name| name.key == key).copied().collect();
        for name in names {
            inner.delete(name);
        }
    }

    /// Returns a client's number of unanswered batches and its number of stored answers.
    pub fn counts_of_client(&self, key: Fingerprint) -> (usize, usize) {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        let of_client = || inner.entries.iter().filter(|(name, _)| name.key == key).map(|(_, entry)| entry);
        let is_answer = |entry: &&BatchEntry| matches!(entry, BatchEntry::Answered { .. });
        (of_client().filter(|entry| entry.is_held()).count(), of_client().filter(is_answer).count())
    }

    /// Waits for the next batch, and marks it as being evaluated. Returns `None` when the service has stopped.
    pub fn next(&self) -> Option<QueuedBatch> {
        let mut inner = self.inner.lock();
        self.changed.wait_while(&mut inner, |inner| inner.queue.is_empty() && !inner.is_stopped);
        if inner.is_stopped {
            return None;
        }
        let (_, batch) = inner.queue.pop(Instant::now())?;
        inner.entries.insert(batch.name, BatchEntry::Computing(batch.progress.clone()));
        Some(batch)
    }

    /// Stores the answer to a batch, or the reason for which there is none, unless the batch was deleted meanwhile.
    pub fn finish(
        &self,
        name: BatchName,
        progress: &EvaluationProgress,
        result: Result<Vec<u8>, Refusal>,
        kind: EvaluationKind,
        elapsed: Duration,
    ) {
        let mut inner = self.inner.lock();
        inner.queue.charge(name.key, elapsed, Instant::now());
        if progress.is_cancelled() {
            inner.entries.remove(&name);
            return;
        }
        if result.is_ok() {
            inner.times.note(kind, elapsed);
        }
        let since = Instant::now();
        let entry = match result {
            Ok(answer) => BatchEntry::Answered { answer: Arc::new(answer), since },
            Err(refusal) => BatchEntry::Failed { refusal, since },
        };
        inner.entries.insert(name, entry);
        inner.drop_surplus_answers(&self.limits);
    }

    /// Admits no new batches from now on.
    pub fn close(&self) {
        self.inner.lock().is_closed = true;
    }

    /// Cancels everything that is not answered.
    pub fn stop(&self) {
        let mut inner = self.inner.lock();
        inner.is_stopped = true;
        inner.queue.clear();
        self.changed.notify_all();
        for entry in inner.entries.values() {
            match entry {
                BatchEntry::Receiving(upload) => upload.end(UploadEnd::Cancelled),
                BatchEntry::Waiting(progress) | BatchEntry::Computing(progress) => progress.cancel(),
                BatchEntry::Answered { .. } | BatchEntry::Failed { .. } => {}
            }
        }
    }

    /// Returns the number of unanswered batches and the number of stored answers.
    pub fn counts(&self) -> (usize, usize) {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        let is_answer = |entry: &&BatchEntry| matches!(entry, BatchEntry::Answered { .. });
        (inner.held(), inner.entries.values().filter(is_answer).count())
    }
}

impl BatchEntry {
    /// Returns whether the entry takes the memory of a batch.
    fn is_held(&self) -> bool {
        matches!(self, Self::Receiving(_) | Self::Waiting(_) | Self::Computing(_))
    }

    /// Returns when the evaluation ended.
    fn ended(&self) -> Option<Instant> {
        match self {
            Self::Answered { since, .. } | Self::Failed { since, .. } => Some(*since),
            _ => None,
        }
    }
}

impl Inner {
    fn held(&self) -> usize {
        self.entries.values().filter(|entry| entry.is_held()).count()
    }

    /// Returns the number of slots of one client.
    fn slots_of(&self, client: Fingerprint) -> usize {
        let is_own = |(name, entry): &(&BatchName, &BatchEntry)| name.key == client && entry.is_held();
        self.entries.iter().filter(is_own).count()
    }

    /// Reserves a slot for a client that has `own` slots. If there is none, asks a slow upload to give up its slot.
    fn reserve_slot(&mut self, client: Fingerprint, own: usize, limits: &Limits) -> Result<(), Refusal> {
        let now = Instant::now();
        let held = self.held();
        let free = limits.batches.saturating_sub(held);
        let wait = self.times.expected_of_any().min(MAX_SLOT_WAIT);
        if own > 0 && free <= limits.kept_slots() {
            return Err(Refusal::slots_kept(own, wait));
        }
        if free > self.waiting.before(client, now) {
            self.waiting.note_slot(client, now);
            return Ok(());
        }
        if own > 0 {
            return Err(Refusal::slots_kept(own, wait));
        }
        self.waiting.note_refused(client, now, wait);
        let is_yielding =
            free == 0 && self.waiting.may_end_uploads(client) && self.end_slowest_upload(client);
        let wait = if is_yielding { YIELDED_SLOT_WAIT } else { wait };
        Err(Refusal::too_many_batches(held, wait))
    }

    /// Ends the slowest upload of other clients, if one is slow. Returns whether an upload is about to give up its slot. No
    /// more uploads are ended than clients wait.
    fn end_slowest_upload(&self, client: Fingerprint) -> bool {
        let mut ending = 0;
        let mut slowest: Option<(f64, &UploadProgress)> = None;
        for (name, entry) in &self.entries {
            let BatchEntry::Receiving(upload) = entry else { continue };
            ending += usize::from(upload.end_reason().is_some());
            let Some(rate) = upload.slow_rate().filter(|_| name.key != client) else { continue };
            if slowest.is_none_or(|(slowest, _)| rate < slowest) {
                slowest = Some((rate, upload));
            }
        }
        match slowest {
            Some((_, upload)) if ending < self.waiting.count_that_may_end_uploads() => {
                upload.end(UploadEnd::Yielded);
                true
            }
            _ => ending > 0,
        }
    }

    fn state(&self, name: BatchName) -> Result<BatchState, Refusal> {
        Ok(match self.entries.get(&name) {
            None => return Err(Refusal::no_such_batch()),
            Some(BatchEntry::Receiving(_)) => BatchState::Receiving,
            Some(BatchEntry::Waiting(_)) => {
                let seconds = self.times.expected_of_any().as_secs_f64();
                let position = self.queue.position(name, seconds, Instant::now()).unwrap_or(0);
                let computing = self.entries.values().find_map(|entry| match entry {
                    BatchEntry::Computing(progress) => Some(progress.finished_share()),
                    _ => None,
                });
                let done = computing.unwrap_or(0.0);
                BatchState::Waiting { ahead: position + usize::from(computing.is_some()), done }
            }
            Some(BatchEntry::Computing(progress)) => {
                BatchState::Computing { done: progress.finished_share() }
            }
            Some(BatchEntry::Answered { .. }) => BatchState::Answered,
            Some(BatchEntry::Failed { refusal, .. }) => return Err(refusal.clone()),
        })
    }

    /// Deletes a batch. Returns whether there was one.
    fn delete(&mut self, name: BatchName) -> bool {
        match self.entries.get(&name) {
            // The thread that receives or evaluates the batch removes the entry.
            Some(BatchEntry::Receiving(upload)) => upload.end(UploadEnd::Cancelled),
            Some(BatchEntry::Computing(progress)) => progress.cancel(),
            Some(_) => {
                self.entries.remove(&name);
                self.queue.remove(name);
            }
            None => return false,
        }
        true
    }

    /// Drops answers that are too old.
    fn drop_old_answers(&mut self, limits: &Limits) {
        self.entries.retain(|_, entry| entry.ended().is_none_or(|ended| ended.elapsed() < limits.answer_age));
    }

    /// Drops answers that are too old or too many.
    fn drop_surplus_answers(&mut self, limits: &Limits) {
        self.drop_old_answers(limits);
        let ended = self.entries.iter().filter_map(|(name, entry)| Some((entry.ended()?, *name)));
        for name in surplus_answers(ended, limits) {
            self.entries.remove(&name);
        }
    }
}
