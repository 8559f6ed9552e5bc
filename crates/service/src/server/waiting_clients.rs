//! Clients that were refused because all slots for batches were taken, and the order in which they get slots.
//!
//! A client that comes again at once would otherwise get every slot before clients that wait as long as they were told to.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sottovoce_protocol::Fingerprint;

/// Time for which a client is remembered after it got a slot, and longer while it asks for another one. It is longer than a client
/// waits for a slot.
const MEMORY: Duration = Duration::from_secs(600);

/// The time by which a client's next request can be later than it was told: a quarter of the wait (the client's jitter), and
/// this time for the network.
const MAX_DELAY: Duration = Duration::from_secs(2);

/// Clients that wait for a slot, and the last slots that clients got.
#[derive(Default)]
pub struct WaitingClients {
    /// The time until which a client is expected to ask again.
    expected: HashMap<Fingerprint, Instant>,
    last_slots: HashMap<Fingerprint, LastSlot>,
}

/// The last slot of a client.
struct LastSlot {
    since: Instant,
    /// A whole batch arrived, and was queued for its evaluation.
    was_filled: bool,
}

impl WaitingClients {
    /// Notes that a client was told to ask again after `wait`.
    pub fn note_refused(&mut self, client: Fingerprint, now: Instant, wait: Duration) {
        self.expected.insert(client, now + wait.mul_f64(1.25) + MAX_DELAY);
    }

    /// Notes that a client got a slot.
    pub fn note_slot(&mut self, client: Fingerprint, now: Instant) {
        self.expected.remove(&client);
        self.last_slots.insert(client, LastSlot { since: now, was_filled: false });
    }

    /// Notes that an upload of a client has ended, and whether a batch was queued.
    pub fn note_upload_end(&mut self, client: Fingerprint, is_queued: bool) {
        if let Some(slot) = self.last_slots.get_mut(&client) {
            slot.was_filled = is_queued;
        }
    }

    /// Returns the number of waiting clients that get a slot before `client`: those that got their last slot earlier.
    pub fn before(&mut self, client: Fingerprint, now: Instant) -> usize {
        self.expected.retain(|_, until| *until > now);
        self.last_slots.retain(|client, slot| {
            now.duration_since(slot.since) < MEMORY || self.expected.contains_key(client)
        });
        // `None`, a client that never got a slot, is less than any time.
        let last = |client| self.last_slots.get(client).map(|slot| slot.since);
        let own = last(&client);
        self.expected.keys().filter(|other| last(other) < own).count()
    }

    /// Returns whether slow uploads of others end for this client: it has had no slot, or has filled its last one. A client that
    /// asks for slots and sends no batches would otherwise end one upload after another.
    pub fn may_end_uploads(&self, client: Fingerprint) -> bool {
        self.last_slots.get(&client).is_none_or(|slot| slot.was_filled)
    }

    /// Returns the number of waiting clients for which slow uploads end.
    pub fn count_that_may_end_uploads(&self) -> usize {
        self.expected.keys().filter(|client| self.may_end_uploads(**client)).count()
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
    fn a_client_that_had_a_slot_waits_for_those_that_had_none_or_had_one_earlier() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut waiting = WaitingClients::default();
        waiting.note_slot(client(1), at(0));
        waiting.note_slot(client(2), at(1));
        for other in [1, 2, 3] {
            waiting.note_refused(client(other), at(2), WAIT);
        }
        let before: Vec<usize> = (1..=4).map(|other| waiting.before(client(other), at(3))).collect();
        assert_eq!(before, [1, 2, 0, 0]);
        waiting.note_slot(client(3), at(3));
        assert_eq!(waiting.before(client(3), at(3)), 2);
    }

    #[test]
    fn slots_are_not_kept_for_clients_that_do_not_come_again() {
        let now = Instant::now();
        let mut waiting = WaitingClients::default();
        waiting.note_slot(client(1), now);
        waiting.note_refused(client(2), now, WAIT);
        assert_eq!(waiting.before(client(1), now + Duration::from_millis(6900)), 1);
        assert_eq!(waiting.before(client(1), now + Duration::from_millis(7100)), 0);
        assert_eq!(waiting.before(client(1), now + MEMORY), 0);
        assert!(waiting.last_slots.is_empty() && waiting.expected.is_empty());
    }

    #[test]
    fn slow_uploads_end_only_for_clients_that_fill_their_slots() {
        let start = Instant::now();
        let mut waiting = WaitingClients::default();
        for number in 1..=3 {
            waiting.note_slot(client(number), start);
        }
        waiting.note_upload_end(client(1), true);
        waiting.note_upload_end(client(2), false);
        // The third one is still sending, and the fourth one has not begun.
        let may: Vec<bool> = (1..=4).map(|number| waiting.may_end_uploads(client(number))).collect();
        assert_eq!(may, [true, false, false, true]);
        for number in 1..=4 {
            waiting.note_refused(client(number), start, WAIT);
        }
        assert_eq!(waiting.count_that_may_end_uploads(), 2);
        // A client that asks without an end is not forgotten.
        waiting.note_refused(client(2), start + MEMORY, WAIT);
        waiting.before(client(2), start + MEMORY);
        assert!(!waiting.may_end_uploads(client(2)) && waiting.may_end_uploads(client(3)));
    }
}
