//! The limits of a client over time: new connections, requests, abandoned requests, registrations, and bytes.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Seconds of requests that may come at once.
const REQUEST_BURST_SECONDS: f64 = 5.0;
/// New connections per second, and how many at once. Each costs a TLS handshake.
const NEW_CONNECTIONS: (f64, f64) = (5.0, 100.0);
/// Requests per second that may be abandoned, and how many at once. A client abandons its running requests when it is stopped.
const RESETS: (f64, f64) = (2.0, 100.0);
/// Refused requests per second after which a client does not obey `Retry-After`, and how many at once.
const IGNORED_REFUSALS: (f64, f64) = (20.0, 1000.0);

/// Bytes per second outside of bodies, and how many at once. Bytes of a body are outside of it until the service reads them:
/// up to a window on each connection, and what arrives after an upload was refused.
const BYTES_OUTSIDE_BODIES: (f64, f64) = ((2 << 20) as f64, (64 << 20) as f64);

/// Bytes per second of responses, and how many at once. A client can fetch an answer as often as it likes.
const SENT_BYTES: (f64, f64) = ((16 << 20) as f64, (256 << 20) as f64);

/// Registrations of keys per second, and how many at once. Each writes a megabyte to the disk, or tens of
/// megabytes of keys for packed evaluation, and clients need one of each.
const REGISTRATIONS: (f64, f64) = (0.1, 10.0);

/// Budget of one client's connections and requests. All its connections share it.
#[derive(Debug)]
pub struct RequestBudget {
    connections: TokenBucket,
    requests: TokenBucket,
    resets: TokenBucket,
    ignored_refusals: TokenBucket,
    received_bytes: TokenBucket,
    sent_bytes: TokenBucket,
    registrations: TokenBucket,
}

/// Decision about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// The request may be answered.
    Allowed,
    /// The request is refused.
    Refused,
    /// The client has ignored too many refusals.
    Ignored,
}

impl RequestBudget {
    /// Makes a full budget. Five seconds' worth of requests may come at once.
    pub fn new(requests_per_second: u32, now: Instant) -> Self {
        let rate = f64::from(requests_per_second);
        Self {
            connections: TokenBucket::new(NEW_CONNECTIONS.0, NEW_CONNECTIONS.1, now),
            requests: TokenBucket::new(rate, rate * REQUEST_BURST_SECONDS, now),
            resets: TokenBucket::new(RESETS.0, RESETS.1, now),
            ignored_refusals: TokenBucket::new(IGNORED_REFUSALS.0, IGNORED_REFUSALS.1, now),
            received_bytes: TokenBucket::new(BYTES_OUTSIDE_BODIES.0, BYTES_OUTSIDE_BODIES.1, now),
            sent_bytes: TokenBucket::new(SENT_BYTES.0, SENT_BYTES.1, now),
            registrations: TokenBucket::new(REGISTRATIONS.0, REGISTRATIONS.1, now),
        }
    }

    /// Takes a new connection from the budget. Returns whether it was still in the budget.
    pub fn spend_connection(&self, now: Instant) -> bool {
        self.connections.take(now)
    }

    /// Takes a request from the budget.
    pub fn spend_request(&self, now: Instant) -> Spending {
        if self.requests.take(now) {
            Spending::Allowed
        } else if self.ignored_refusals.take(now) {
            Spending::Refused
        } else {
            Spending::Ignored
        }
    }

    /// Takes an abandoned request from the budget. Returns whether it was still in the budget.
    pub fn spend_reset(&self, now: Instant) -> bool {
        self.resets.take(now)
    }

    /// Takes received bytes from the budget. Returns whether they were still in the budget.
    pub fn spend_received(&self, bytes: usize, now: Instant) -> bool {
        self.received_bytes.take_many(bytes as f64, now)
    }

    /// Gives received bytes back that were part of a body.
    pub fn return_received(&self, bytes: usize, now: Instant) {
        self.received_bytes.give(bytes as f64, now);
    }

    /// Takes the bytes of a response from the budget, of a response longer than the whole budget all of it. Returns whether they
    /// were still in the budget.
    pub fn spend_sent(&self, bytes: u64, now: Instant) -> bool {
        self.sent_bytes.take_many((bytes as f64).min(self.sent_bytes.max), now)
    }

    /// Takes a registration of keys from the budget. Returns whether it was still in the budget.
    pub fn spend_registration(&self, now: Instant) -> bool {
        self.registrations.take(now)
    }

    /// Returns whether the client has sent so little lately that a new budget would be the same.
    pub fn is_full(&self, now: Instant) -> bool {
        let Self {
            connections,
            requests,
            resets,
            ignored_refusals,
            received_bytes,
            sent_bytes,
            registrations,
        } = self;
        let buckets =
            [connections, requests, resets, ignored_refusals, received_bytes, sent_bytes, registrations];
        buckets.iter().all(|bucket| bucket.is_full(now))
    }
}

/// Tokens that flow in at a constant rate, up to a maximum.
#[derive(Debug)]
struct TokenBucket {
    per_second: f64,
    max: f64,
    /// Tokens, and when they were counted.
    state: Mutex<(f64, Instant)>,
}

impl TokenBucket {
    fn new(per_second: f64, max: f64, now: Instant) -> Self {
        Self { per_second, max, state: Mutex::new((max, now)) }
    }

    /// Returns the tokens at `now`.
    fn tokens(&self, (tokens, since): (f64, Instant), now: Instant) -> f64 {
        let elapsed: Duration = now.saturating_duration_since(since);
        (tokens + elapsed.as_secs_f64() * self.per_second).min(self.max)
    }

    fn take(&self, now: Instant) -> bool {
        self.take_many(1.0, now)
    }

    /// Takes some tokens, or none of them if there are too few.
    fn take_many(&self, wanted: f64, now: Instant) -> bool {
        let mut state = self.state.lock();
        let tokens = self.tokens(*state, now);
        let has_all = tokens >= wanted;
        *state = (if has_all { tokens - wanted } else { tokens }, now.max(state.1));
        has_all
    }

    fn give(&self, returned: f64, now: Instant) {
        let mut state = self.state.lock();
        *state = ((self.tokens(*state, now) + returned).min(self.max), now.max(state.1));
    }

    fn is_full(&self, now: Instant) -> bool {
        self.tokens(*self.state.lock(), now) >= self.max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_allows_a_burst_then_its_rate() {
        let start = Instant::now();
        let budget = RequestBudget::new(10, start);
        let spend =
            |count: usize, now| (0..count).filter(|_| budget.spend_request(now) == Spending::Allowed).count();
        assert_eq!(spend(100, start), 50);
        assert_eq!(spend(100, start + Duration::from_secs(2)), 20);
        assert!(!budget.is_full(start + Duration::from_secs(2)));
        assert!(budget.is_full(start + Duration::from_secs(60)));
    }

    #[test]
    fn bytes_of_bodies_go_back_to_the_budget() {
        let now = Instant::now();
        let budget = RequestBudget::new(1, now);
        let mebibyte = 1 << 20;
        for _ in 0..1000 {
            assert!(budget.spend_received(mebibyte, now));
            budget.return_received(mebibyte, now);
        }
        assert!(budget.is_full(now));
        assert_eq!((0..100).filter(|_| budget.spend_received(mebibyte, now)).count(), 64);
        assert!(!budget.is_full(now));
        assert!(budget.spend_received(mebibyte, now + Duration::from_secs(1)));
        assert!(budget.is_full(now + Duration::from_secs(60)));
    }

    #[test]
    fn responses_beyond_the_budget_are_refused_and_the_longest_response_is_not() {
        let now = Instant::now();
        let budget = RequestBudget::new(1, now);
        let sent = |bytes: u64, now| (0..1000).filter(|_| budget.spend_sent(bytes, now)).count();
        let mebibyte = 1 << 20;
        assert_eq!(sent(mebibyte, now), 256);
        assert_eq!(sent(mebibyte, now + Duration::from_secs(2)), 32);
        let later = now + Duration::from_secs(60);
        assert_eq!(sent(1000 * mebibyte, later), 1);
        assert_eq!(sent(mebibyte, later), 0);
    }

    #[test]
    fn a_client_that_continues_after_refusals_is_noticed() {
        let now = Instant::now();
        let budget = RequestBudget::new(1, now);
        let answers: Vec<Spending> = (0..1010).map(|_| budget.spend_request(now)).collect();
        assert_eq!(answers.iter().filter(|answer| **answer == Spending::Refused).count(), 1000);
        assert_eq!(answers.last(), Some(&Spending::Ignored));
        assert_eq!((0..200).filter(|_| budget.spend_reset(now)).count(), 100);
        // Time that goes back gives nothing.
        assert_eq!(
            budget.spend_request(now.checked_sub(Duration::from_millis(1)).unwrap_or(now)),
            Spending::Ignored
        );
    }
}
