//! The period that is running, restarts of the provider, and the end, for all threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::schedule::Phase;

/// Seconds after a restart in which an answer still counts as one of that time.
const AFTER_RESTART: f64 = 2.0;

/// Shared time.
pub struct Clock {
    start: Instant,
    is_over: AtomicBool,
    current: Mutex<Option<Running>>,
    restarts: Mutex<Vec<(f64, f64)>>,
}

/// A running period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    /// Index in the schedule.
    pub index: usize,
    pub phase: Phase,
    pub since: Instant,
}

impl Clock {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            is_over: AtomicBool::new(false),
            current: Mutex::default(),
            restarts: Mutex::default(),
        }
    }

    /// Seconds since the start.
    pub fn seconds(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Begins a period.
    pub fn enter(&self, index: usize, phase: Phase) {
        *self.current.lock() = Some(Running { index, phase, since: Instant::now() });
    }

    /// Ends all periods.
    pub fn leave(&self) {
        *self.current.lock() = None;
    }

    /// The running period.
    pub fn current(&self) -> Option<Running> {
        *self.current.lock()
    }

    /// Notes that the provider was restarted between two times.
    pub fn note_restart(&self, from: f64, to: f64) {
        self.restarts.lock().push((from, to));
    }

    /// Returns whether the provider was being restarted, or had just been, at any time between `from` and `to`.
    pub fn was_restarted(&self, from: f64, to: f64) -> bool {
        self.restarts.lock().iter().any(|&(begin, end)| from <= end + AFTER_RESTART && to >= begin)
    }

    /// Tells all threads to end.
    pub fn stop(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Returns whether threads must end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Sleeps, but not beyond the end.
    pub fn sleep(&self, duration: Duration) {
        let end = Instant::now() + duration;
        while !self.is_over() && Instant::now() < end {
            let left = end.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }
}
