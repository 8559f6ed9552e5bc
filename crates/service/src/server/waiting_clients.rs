//! Clients that were refused because all places for batches were taken, and the order in which they get places.
//!
//! A client that comes again at once would otherwise get every place before clients that wait as long as they were told to.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sottovoce_protocol::Fingerprint;

/// Time for which a client is remembered after it got a place. It is longer than a client waits for a place.
const MEMORY: Duration = Duration::from_secs(600);

/// The time by which a client's next request can be later than it was told: a quarter of the wait (the client's jitter), and
/// this time for the network.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Clients that wait for a place, and when clients got their last places.
#[derive(Default)]
pub struct WaitingClients {
    /// The time until which a client is expected to ask again.
    expected: HashMap<Fingerprint, Instant>,
    served: HashMap<Fingerprint, Instant>,
}

impl WaitingClients {
    /// Notes that a client was told to ask again after `wait`.
    pub fn refused(&mut self, client: Fingerprint, now: Instant, wait: Duration) {
        self.expected.insert(client, now + wait.mul_f64(1.25) + MAX_DELAY);
    }

    /// Notes that a client got a place.
    pub fn served(&mut self, client: Fingerprint, now: Instant) {
        self.expected.remove(&client);
        self.served.insert(client, now);
    }

    /// Returns the number of waiting clients that get a place before `client`: those that got their last place earlier.
    pub fn before(&mut self, client: Fingerprint, now: Instant) -> usize {
        self.expected.retain(|_, until| *until > now);
        self.served.retain(|_, last| now.duration_since(*last) < MEMORY);
        // `None`, a client that never got a place, is less than any time.
        let last = self.served.get(&client);
        self.expected.keys().filter(|other| self.served.get(*other) < last).count()
    }

    /// Returns the number of waiting clients.
    pub fn count(&self) -> usize {
        self.expected.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(4);

    fn client(byte: u8) -> Fingerprint {
        Fingerprint::from_bytes([byte; 32])
    }

    #[test]
    fn a_client_that_had_a_place_waits_for_those_that_had_none_or_had_one_earlier() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut waiting = WaitingClients::default();
        waiting.served(client(1), at(0));
        waiting.served(client(2), at(1));
        for other in [1, 2, 3] {
            waiting.refused(client(other), at(2), WAIT);
        }
        let before: Vec<usize> = (1..=4).map(|other| waiting.before(client(other), at(3))).collect();
        assert_eq!(before, [1, 2, 0, 0]);
        waiting.served(client(3), at(3));
        assert_eq!(waiting.before(client(3), at(3)), 2);
        assert_eq!(waiting.count(), 2);
    }

    #[test]
    fn places_are_not_kept_for_clients_that_do_not_come_again() {
        let now = Instant::now();
        let mut waiting = WaitingClients::default();
        waiting.served(client(1), now);
        waiting.refused(client(2), now, WAIT);
        assert_eq!(waiting.before(client(1), now + Duration::from_millis(6900)), 1);
        assert_eq!(waiting.before(client(1), now + Duration::from_millis(7100)), 0);
        assert_eq!(waiting.before(client(1), now + MEMORY), 0);
        assert!(waiting.served.is_empty() && waiting.expected.is_empty());
    }
}
