//! Warnings that are logged once a day as long as they apply.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// Interval at which a warning is repeated.
const INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// The warnings of the last day.
#[derive(Debug, Default)]
pub struct Notices {
    given: HashMap<String, Instant>,
}

impl Notices {
    /// Returns whether a warning must be logged now: it is new, or was logged a day ago.
    pub fn is_due(&mut self, warning: &str) -> bool {
        self.given.retain(|_, given| given.elapsed() < INTERVAL);
        if self.given.contains_key(warning) {
            return false;
        }
        self.given.insert(warning.to_owned(), Instant::now());
        true
    }
}
