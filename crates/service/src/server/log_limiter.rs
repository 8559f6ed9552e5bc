//! Bounds how often the log says the same, because peers can cause it: in all, or for each client.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use sottovoce_protocol::Fingerprint;
use tokio::time::Instant;
use tracing::warn;

/// Lines of one kind in a window.
const MAX_LINES: u64 = 5;
/// Duration of a window.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts the lines of each kind. Kinds are names in the program, so that peers without a certificate cannot make new ones.
#[derive(Debug, Default)]
pub struct LogLimiter {
    windows: Mutex<HashMap<Kind, Window>>,
}

/// A kind of lines: of all peers, or of the client with these keys.
type Kind = (&'static str, Option<Fingerprint>);

#[derive(Debug)]
struct Window {
    start: Instant,
    lines: u64,
}

impl Window {
    fn left_out(&self) -> u64 {
        self.lines.saturating_sub(MAX_LINES)
    }
}

impl LogLimiter {
    /// Returns whether a line of this kind may be logged now.
    pub fn allows(&self, kind: &'static str) -> bool {
        self.count((kind, None))
    }

    /// Returns whether a line of this kind may be logged now for the client with the keys `keys`.
    pub fn allows_for(&self, kind: &'static str, keys: Fingerprint) -> bool {
        self.count((kind, Some(keys)))
    }

    fn count(&self, kind: Kind) -> bool {
        let mut windows = self.windows.lock();
        let window = windows.entry(kind).or_insert_with(|| Window { start: Instant::now(), lines: 0 });
        window.lines += 1;
        window.lines <= MAX_LINES
    }

    /// Logs how many lines were left out in the windows that have ended.
    pub fn summarise(&self) {
        let now = Instant::now();
        summarise(self.end_windows(|window| now.saturating_duration_since(window.start) >= WINDOW));
    }

    /// Logs how many lines were left out in all windows.
    pub fn finish(&self) {
        summarise(self.end_windows(|_| true));
    }

    /// Ends windows. Returns the kinds and numbers of lines that were left out.
    fn end_windows(&self, is_over: impl Fn(&Window) -> bool) -> Vec<(Kind, u64)> {
        let mut left_out = Vec::new();
        self.windows.lock().retain(|&kind, window| {
            if !is_over(window) {
                return true;
            }
            if window.left_out() > 0 {
                left_out.push((kind, window.left_out()));
            }
            false
        });
        left_out
    }
}

fn summarise(left_out: Vec<(Kind, u64)>) {
    for ((kind, keys), count) in left_out {
        let key = keys.map(tracing::field::display);
        warn!(kind, key, count, "more of the same within a minute, not logged one by one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_kind_has_a_few_lines_in_a_window_and_then_a_count() {
        let limiter = LogLimiter::default();
        let lines = |kind| (0..100).filter(|_| limiter.allows(kind)).count();
        let keys: Fingerprint = "7".repeat(64).parse().unwrap();
        let ended = || {
            let now = Instant::now();
            limiter.end_windows(|window| now.saturating_duration_since(window.start) >= WINDOW)
        };
        assert_eq!((lines("handshake"), lines("slow")), (5, 5));
        assert!(limiter.allows("broken") && limiter.allows_for("handshake", keys));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!((lines("handshake"), ended()), (0, vec![]));
        tokio::time::advance(Duration::from_secs(1)).await;
        let mut found = ended();
        found.sort_by_key(|((kind, _), _)| *kind);
        assert_eq!(found, [(("handshake", None), 195), (("slow", None), 95)]);
        assert_eq!((lines("handshake"), ended()), (5, vec![]));
    }
}
