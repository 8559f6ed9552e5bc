//! The batches that a service holds, from the first byte of an upload until their answer is fetched.
//!
//! A batch is named by its client's key and its own fingerprint, so that whoever sends it again names the same one: it is
//! received once, evaluated once, and answered as often as its client asks.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};

use super::place::{Admission, Place};
use super::refusal::Refusal;
use super::settings::Limits;
use crate::lock::lock;
use crate::{Fingerprint, ReceivedBatch};

/// Whose batch, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchName {
    pub key: Fingerprint,
    pub batch: Fingerprint,
}

/// Where a batch is on its way, as clients are told.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum BatchState {
    /// Its bytes are coming in.
    Receiving,
    /// It waits behind so many others.
    Waiting {
        /// Batches before it.
        ahead: usize,
        /// The share of the work on the one that is being evaluated now.
        done: f64,
    },
    /// It is being evaluated.
    Computing {
        /// The share of the work that is done.
        done: f64,
    },
    /// Its answer can be fetched.
    Answered,
}

/// The work of an evaluation, watched from elsewhere.
#[derive(Debug, Default)]
pub struct Work {
    pub all: AtomicU64,
    pub done: AtomicU64,
    pub cancelled: AtomicBool,
}

impl Work {
    fn share(&self) -> f64 {
        let all = self.all.load(Ordering::Relaxed).max(1);
        (self.done.load(Ordering::Relaxed) as f64 / all as f64).min(1.0)
    }
}

/// A batch that waits for its evaluation.
pub struct Job {
    pub name: BatchName,
    pub received: ReceivedBatch,
    pub work: Arc<Work>,
}

enum Entry {
    Receiving(Arc<Work>),
    Waiting(Arc<Work>),
    Computing(Arc<Work>),
    Answered {
        answer: Bytes,
        at: Instant,
    },
    /// The evaluation failed, and would again.
    Failed {
        refusal: Refusal,
        at: Instant,
    },
}

/// All batches.
pub struct Batches {
    limits: Limits,
    inner: Mutex<Inner>,
    /// A batch waits, or the service stops.
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    entries: HashMap<BatchName, Entry>,
    /// In the order in which they came.
    queue: std::collections::VecDeque<Job>,
    /// What an evaluation takes, from the last ones.
    seconds: Option<f64>,
    /// Nothing new is taken.
    closed: bool,
    /// Nothing is evaluated any longer.
    stopped: bool,
}

impl Batches {
    pub fn new(limits: Limits) -> Self {
        Self { limits, inner: Mutex::default(), changed: Condvar::new() }
    }

    /// Takes a place for a batch whose bytes are about to come.
    pub fn admit(self: &Arc<Self>, name: BatchName) -> Result<Admission, Refusal> {
        let mut inner = lock(&self.inner);
        inner.expire(&self.limits);
        match inner.entries.get(&name) {
            Some(Entry::Receiving(_)) => {
                let text = "this batch is being received on another connection";
                return Err(Refusal::later(StatusCode::CONFLICT, text, Duration::from_secs(1)));
            }
            Some(Entry::Failed { refusal, .. }) => return Err(refusal.clone()),
            Some(_) => return Ok(Admission::Known(inner.state(name)?)),
            None => {}
        }
        if inner.closed {
            let text = "the service is being stopped";
            return Err(Refusal::later(StatusCode::SERVICE_UNAVAILABLE, text, Duration::from_secs(5)));
        }
        let own = inner.entries.iter().filter(|(other, entry)| other.key == name.key && entry.is_held());
        let most = self.limits.batches_per_client;
        if own.count() >= most {
            let text =
                format!("{most} batches of this client are on their way, and no more are taken at a time");
            return Err(Refusal::later(StatusCode::TOO_MANY_REQUESTS, text, inner.wait(1)));
        }
        let held = inner.held();
        if held >= self.limits.batches {
            let text = format!("{held} batches are on their way, and no more are taken at a time");
            return Err(Refusal::later(StatusCode::SERVICE_UNAVAILABLE, text, inner.wait(1)));
        }
        let work = Arc::new(Work::default());
        let place = Place::new(self, name, &work);
        inner.entries.insert(name, Entry::Receiving(work));
        Ok(Admission::Receive(place))
    }

    /// Lets a batch that has been received wait for its evaluation.
    pub fn queue(&self, job: Job) -> Result<BatchState, Refusal> {
        let mut inner = lock(&self.inner);
        if job.work.cancelled.load(Ordering::Relaxed) {
            return Err(Refusal::not_found("the batch was cancelled while it was received"));
        }
        let name = job.name;
        inner.entries.insert(name, Entry::Waiting(job.work.clone()));
        inner.queue.push_back(job);
        self.changed.notify_one();
        inner.state(name)
    }

    /// Lets go of a batch that was not received.
    pub fn release(&self, name: BatchName) {
        lock(&self.inner).entries.remove(&name);
    }

    /// Where a batch is.
    pub fn state(&self, name: BatchName) -> Result<BatchState, Refusal> {
        let mut inner = lock(&self.inner);
        inner.expire(&self.limits);
        inner.state(name)
    }

    /// A batch's answer, or where it is.
    pub fn answer(&self, name: BatchName) -> Result<Result<Bytes, BatchState>, Refusal> {
        let mut inner = lock(&self.inner);
        inner.expire(&self.limits);
        if let Some(Entry::Answered { answer, .. }) = inner.entries.get(&name) {
            return Ok(Ok(answer.clone()));
        }
        inner.state(name).map(Err)
    }

    /// Forgets a batch wherever it is; whether there was one.
    pub fn forget(&self, name: BatchName) -> bool {
        let mut inner = lock(&self.inner);
        match inner.entries.get(&name) {
            // Whoever works on it lets go of it.
            Some(Entry::Receiving(work) | Entry::Computing(work)) => {
                work.cancelled.store(true, Ordering::Relaxed)
            }
            Some(_) => {
                inner.entries.remove(&name);
                inner.queue.retain(|job| job.name != name);
            }
            None => return false,
        }
        true
    }

    /// Forgets all batches of a client.
    pub fn forget_client(&self, key: Fingerprint) {
        let names: Vec<BatchName> =
            lock(&self.inner).entries.keys().filter(|name| name.key == key).copied().collect();
        for name in names {
            self.forget(name);
        }
    }

    /// Waits for a batch, the one that has waited longest, which is being evaluated from now on; none when the service has
    /// stopped.
    pub fn next(&self) -> Option<Job> {
        let waits = |inner: &mut Inner| inner.queue.is_empty() && !inner.stopped;
        let inner = self.changed.wait_while(lock(&self.inner), waits);
        let mut inner = inner.unwrap_or_else(PoisonError::into_inner);
        if inner.stopped {
            return None;
        }
        let job = inner.queue.pop_front()?;
        inner.entries.insert(job.name, Entry::Computing(job.work.clone()));
        Some(job)
    }

    /// Keeps a batch's answer, or why there is none; a batch that was forgotten in the meantime has none to keep.
    pub fn finish(&self, name: BatchName, work: &Work, result: Result<Bytes, Refusal>, elapsed: Duration) {
        let mut inner = lock(&self.inner);
        if work.cancelled.load(Ordering::Relaxed) {
            inner.entries.remove(&name);
            return;
        }
        if result.is_ok() {
            let latest = elapsed.as_secs_f64();
            inner.seconds = Some(inner.seconds.map_or(latest, |mean| mean + (latest - mean) / 4.0));
        }
        let at = Instant::now();
        let entry = match result {
            Ok(answer) => Entry::Answered { answer, at },
            Err(refusal) => Entry::Failed { refusal, at },
        };
        inner.entries.insert(name, entry);
        inner.expire(&self.limits);
    }

    /// Takes no new batches from now on.
    pub fn close(&self) {
        lock(&self.inner).closed = true;
    }

    /// Gives up everything that is not answered.
    pub fn stop(&self) {
        let mut inner = lock(&self.inner);
        inner.stopped = true;
        inner.queue.clear();
        self.changed.notify_all();
        for entry in inner.entries.values() {
            if let Entry::Receiving(work) | Entry::Waiting(work) | Entry::Computing(work) = entry {
                work.cancelled.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Batches that are held, and answers that wait.
    pub fn counts(&self) -> (usize, usize) {
        let mut inner = lock(&self.inner);
        inner.expire(&self.limits);
        let held = inner.held();
        let answers = inner.entries.values().filter(|entry| matches!(entry, Entry::Answered { .. })).count();
        (held, answers)
    }
}

impl Entry {
    /// Whether it takes a batch's memory.
    fn is_held(&self) -> bool {
        matches!(self, Self::Receiving(_) | Self::Waiting(_) | Self::Computing(_))
    }

    /// When it was over.
    fn at(&self) -> Option<Instant> {
        match self {
            Self::Answered { at, .. } | Self::Failed { at, .. } => Some(*at),
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
            None => return Err(Refusal::not_found("there is no such batch of this client")),
            Some(Entry::Receiving(_)) => BatchState::Receiving,
            Some(Entry::Waiting(_)) => {
                let place = self.queue.iter().position(|job| job.name == name).unwrap_or(0);
                let computing = self.entries.values().find_map(|entry| match entry {
                    Entry::Computing(work) => Some(work.share()),
                    _ => None,
                });
                let done = computing.unwrap_or(0.0);
                BatchState::Waiting { ahead: place + usize::from(computing.is_some()), done }
            }
            Some(Entry::Computing(work)) => BatchState::Computing { done: work.share() },
            Some(Entry::Answered { .. }) => BatchState::Answered,
            Some(Entry::Failed { refusal, .. }) => return Err(refusal.clone()),
        })
    }

    /// How long so many evaluations take.
    fn wait(&self, evaluations: usize) -> Duration {
        Duration::from_secs_f64(self.seconds.unwrap_or(2.0) * evaluations as f64)
    }

    /// Lets go of answers that have waited too long, and of the oldest where there are too many.
    fn expire(&mut self, limits: &Limits) {
        self.entries.retain(|_, entry| entry.at().is_none_or(|at| at.elapsed() < limits.answer_age));
        let mut over: Vec<(Instant, BatchName)> =
            self.entries.iter().filter_map(|(name, entry)| Some((entry.at()?, *name))).collect();
        if over.len() > limits.answers {
            over.sort_by_key(|(at, _)| *at);
            for (_, name) in &over[..over.len() - limits.answers] {
                self.entries.remove(name);
            }
        }
    }
}
