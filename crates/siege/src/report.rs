//! Attempts of an attack, and their outcomes.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Largest number of breaches that are kept.
const MAX_BREACHES: usize = 20;

/// Attempts of an attack and their outcomes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttackReport {
    /// Name of the attack.
    pub attack: String,
    /// Seconds from its start to its end.
    pub seconds: f64,
    /// Number of requests, connections or frames that were tried.
    pub attempts: u64,
    /// Number of attempts that ended in each way.
    pub outcomes: BTreeMap<String, u64>,
    /// Responses that the provider must never give. Empty if the attack failed, as it should.
    pub breaches: Vec<String>,
}

impl AttackReport {
    /// Adds the numbers of another report of the same attack.
    pub fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        self.attempts += other.attempts;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome.clone()).or_default() += count;
        }
        self.breaches.extend(other.breaches.iter().cloned());
        self.breaches.truncate(MAX_BREACHES);
    }
}

/// Counts attempts and outcomes while an attack runs.
#[derive(Debug, Default)]
pub struct Tally(Mutex<AttackReport>);

impl Tally {
    /// Counts an attempt.
    pub fn attempt(&self) {
        self.0.lock().attempts += 1;
    }

    /// Returns the number of attempts.
    pub fn attempts(&self) -> u64 {
        self.0.lock().attempts
    }

    /// Counts an outcome.
    pub fn outcome(&self, outcome: impl Into<String>) {
        *self.0.lock().outcomes.entry(outcome.into()).or_default() += 1;
    }

    /// Notes a response that the provider must never give.
    pub fn breach(&self, breach: String) {
        let mut report = self.0.lock();
        if report.breaches.len() < MAX_BREACHES {
            report.breaches.push(breach);
        }
    }

    /// Returns the report.
    pub fn finish(self, attack: &str, seconds: f64) -> AttackReport {
        AttackReport { attack: attack.to_owned(), seconds, ..self.0.into_inner() }
    }
}
