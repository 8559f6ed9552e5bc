//! Limits of an attack.

use std::time::Duration;

use tokio::time::Instant;

/// Longest duration of an attack.
pub const MAX_DURATION: Duration = Duration::from_secs(3600);

/// Largest number of attempts of an attack.
pub const MAX_ATTEMPTS: u64 = 1_000_000;

/// Largest number of connections that an attack holds at a time.
pub const MAX_CONNECTIONS: usize = 400;

/// Limits of an attack: it ends with the first one that it reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// End of the attack.
    end: Instant,
    /// Largest number of attempts: requests, connections or frames.
    attempts: u64,
    /// Largest number of connections at a time.
    connections: usize,
    /// Pause after an attempt.
    pace: Duration,
}

impl Bounds {
    /// Returns limits of at most an hour and a million attempts, with 16 connections and no pauses.
    #[must_use]
    pub fn new(duration: Duration, attempts: u64) -> Self {
        Self {
            end: Instant::now() + duration.min(MAX_DURATION),
            attempts: attempts.min(MAX_ATTEMPTS),
            connections: 16,
            pace: Duration::ZERO,
        }
    }

    /// Sets the largest number of connections at a time, at most 400.
    #[must_use]
    pub fn with_connections(self, connections: usize) -> Self {
        Self { connections: connections.min(MAX_CONNECTIONS), ..self }
    }

    /// Sets a pause after each attempt.
    #[must_use]
    pub fn with_pace(self, pace: Duration) -> Self {
        Self { pace, ..self }
    }

    /// End of the attack.
    #[must_use]
    pub fn end(&self) -> Instant {
        self.end
    }

    /// Largest number of connections at a time.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections
    }

    /// Returns whether an attack may continue after `attempts`.
    #[must_use]
    pub fn allow(&self, attempts: u64) -> bool {
        attempts < self.attempts && Instant::now() < self.end
    }

    /// Waits for the pause after an attempt, at most until the end.
    pub(crate) async fn pause(&self) {
        match self.pace.is_zero() {
            true => tokio::task::yield_now().await,
            false => self.sleep(self.pace).await,
        }
    }

    /// Waits, at most until the end.
    pub(crate) async fn sleep(&self, duration: Duration) {
        tokio::time::sleep_until(self.end.min(Instant::now() + duration)).await;
    }
}
