//! The batches of a service, from the first byte of an upload until the client has fetched the answer.
//!
//! A batch is named by the fingerprints of its client's keys and of its message. A client that sends a batch again names the
//! same batch: it is received once, evaluated once, and answered as often as the client asks.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use sottovoce_bfv::ProgressObserver as _;
use sottovoce_protocol::Fingerprint;
use sottovoce_protocol::provider::{Provider, ReceivedBatch};

use super::limits::Limits;
use super::progress::EvaluationProgress;
use super::refusal::Refusal;
use crate::resource::BatchState;

/// Expected duration of an evaluation before the first one has finished.
const FIRST_EVALUATION_SECONDS: f64 = 2.0;

/// Name of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchName {
    /// Fingerprint of the client's keys.
    pub key: Fingerprint,
    /// Fingerprint of the batch message.
    pub batch: Fingerprint,
}

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
    /// The body can be received. The batch occupies its place until it is queued or released.
    Receive(Arc<EvaluationProgress>),
    /// The service has the batch already.
    Known(BatchState),
}

enum Entry {
    Receiving(Arc<EvaluationProgress>),
    Waiting(Arc<EvaluationProgress>),
    Computing(Arc<EvaluationProgress>),
    Answered {
        answer: Bytes,
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
    entries: HashMap<BatchName, Entry>,
    /// Waiting batches, in the order in which they arrived.
    queue: VecDeque<QueuedBatch>,
    /// Moving average of the duration of an evaluation.
    evaluation_seconds: Option<f64>,
    /// No new batches are admitted.
    is_closed: bool,
    /// No batches are evaluated.
    is_stopped: bool,
}

impl Batches {
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default(), changed: Condvar::new() }
    }

    /// Occupies a place for a batch whose body is about to arrive.
    pub fn admit(&self, name: BatchName) -> Result<Admission, Refusal> {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        match inner.entries.get(&name) {
            Some(Entry::Receiving(_)) => return Err(Refusal::batch_arriving()),
            Some(Entry::Failed { refusal, .. }) => return Err(refusal.clone()),
            Some(_) => return Ok(Admission::Known(inner.state(name)?)),
            None => {}
        }
        if inner.is_closed {
            return Err(Refusal::stopping());
        }
        let of_client = |(other, entry): &(&BatchName, &Entry)| other.key == name.key && entry.is_held();
        let max = self.limits.batches_per_client;
        if inner.entries.iter().filter(of_client).count() >= max {
            return Err(Refusal::too_many_batches_of_client(max, inner.expected_evaluation()));
        }
        let held = inner.held();
        if held >= self.limits.batches {
            return Err(Refusal::too_many_batches(held, inner.expected_evaluation()));
        }
        let progress = Arc::new(EvaluationProgress::default());
        inner.entries.insert(name, Entry::Receiving(progress.clone()));
        Ok(Admission::Receive(progress))
    }

    /// Queues a received batch for its evaluation.
    pub fn queue(&self, batch: QueuedBatch) -> Result<BatchState, Refusal> {
        let mut inner = self.inner.lock();
        if batch.progress.is_cancelled() {
            return Err(Refusal::deleted_after_upload());
        }
        let name = batch.name;
        inner.entries.insert(name, Entry::Waiting(batch.progress.clone()));
        inner.queue.push_back(batch);
        self.changed.notify_one();
        inner.state(name)
    }

    /// Frees the place of a batch that was not received.
    pub fn release(&self, name: BatchName) {
        self.inner.lock().entries.remove(&name);
    }

    /// Returns the state of a batch.
    pub fn state(&self, name: BatchName) -> Result<BatchState, Refusal> {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        inner.state(name)
    }

    /// Returns the answer to a batch, or its state if there is no answer yet.
    pub fn answer(&self, name: BatchName) -> Result<Result<Bytes, BatchState>, Refusal> {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        if let Some(Entry::Answered { answer, .. }) = inner.entries.get(&name) {
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

    /// Waits for the batch that has waited longest, and marks it as being evaluated. Returns `None` when the service has
    /// stopped.
    pub fn next(&self) -> Option<QueuedBatch> {
        let mut inner = self.inner.lock();
        self.changed.wait_while(&mut inner, |inner| inner.queue.is_empty() && !inner.is_stopped);
        if inner.is_stopped {
            return None;
        }
        let batch = inner.queue.pop_front()?;
        inner.entries.insert(batch.name, Entry::Computing(batch.progress.clone()));
        Some(batch)
    }

    /// Stores the answer to a batch, or the reason for which there is none, unless the batch was deleted meanwhile.
    pub fn finish(
        &self,
        name: BatchName,
        progress: &EvaluationProgress,
        result: Result<Bytes, Refusal>,
        elapsed: Duration,
    ) {
        let mut inner = self.inner.lock();
        if progress.is_cancelled() {
            inner.entries.remove(&name);
            return;
        }
        if result.is_ok() {
            let latest = elapsed.as_secs_f64();
            let mean = inner.evaluation_seconds.map_or(latest, |mean| mean + (latest - mean) / 4.0);
            inner.evaluation_seconds = Some(mean);
        }
        let since = Instant::now();
        let entry = match result {
            Ok(answer) => Entry::Answered { answer, since },
            Err(refusal) => Entry::Failed { refusal, since },
        };
        inner.entries.insert(name, entry);
        inner.drop_old_answers(&self.limits);
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
            if let Entry::Receiving(progress) | Entry::Waiting(progress) | Entry::Computing(progress) = entry
            {
                progress.cancel();
            }
        }
    }

    /// Returns the number of unanswered batches and the number of stored answers.
    pub fn counts(&self) -> (usize, usize) {
        let mut inner = self.inner.lock();
        inner.drop_old_answers(&self.limits);
        let is_answer = |entry: &&Entry| matches!(entry, Entry::Answered { .. });
        (inner.held(), inner.entries.values().filter(is_answer).count())
    }
}

impl Entry {
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

    fn state(&self, name: BatchName) -> Result<BatchState, Refusal> {
        Ok(match self.entries.get(&name) {
            None => return Err(Refusal::no_such_batch()),
            Some(Entry::Receiving(_)) => BatchState::Receiving,
            Some(Entry::Waiting(_)) => {
                let position = self.queue.iter().position(|batch| batch.name == name).unwrap_or(0);
                let computing = self.entries.values().find_map(|entry| match entry {
                    Entry::Computing(progress) => Some(progress.finished_share()),
                    _ => None,
                });
                let done = computing.unwrap_or(0.0);
                BatchState::Waiting { ahead: position + usize::from(computing.is_some()), done }
            }
            Some(Entry::Computing(progress)) => BatchState::Computing { done: progress.finished_share() },
            Some(Entry::Answered { .. }) => BatchState::Answered,
            Some(Entry::Failed { refusal, .. }) => return Err(refusal.clone()),
        })
    }

    /// Deletes a batch. Returns whether there was one.
    fn delete(&mut self, name: BatchName) -> bool {
        match self.entries.get(&name) {
            // The thread that receives or evaluates the batch removes the entry.
            Some(Entry::Receiving(progress) | Entry::Computing(progress)) => progress.cancel(),
            Some(_) => {
                self.entries.remove(&name);
                self.queue.retain(|batch| batch.name != name);
            }
            None => return false,
        }
        true
    }

    /// Returns the expected duration of an evaluation.
    fn expected_evaluation(&self) -> Duration {
        Duration::from_secs_f64(self.evaluation_seconds.unwrap_or(FIRST_EVALUATION_SECONDS))
    }

    /// Drops answers that are too old, and the oldest answers if there are too many.
    fn drop_old_answers(&mut self, limits: &Limits) {
        self.entries.retain(|_, entry| entry.ended().is_none_or(|ended| ended.elapsed() < limits.answer_age));
        let mut ended: Vec<(Instant, BatchName)> =
            self.entries.iter().filter_map(|(name, entry)| Some((entry.ended()?, *name))).collect();
        let surplus = ended.len().saturating_sub(limits.answers);
        if surplus > 0 {
            ended.sort_by_key(|(ended, _)| *ended);
            for (_, name) in ended.iter().take(surplus) {
                self.entries.remove(name);
            }
        }
    }
}
