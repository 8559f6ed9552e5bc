//! What a service allows.

use std::time::Duration;

/// The limits of a service. Every one bounds memory, disk or time that clients can take.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Batches that are held at a time, whoever's: being received, waiting, being evaluated. Each takes the memory of its
    /// ciphertexts.
    pub batches: usize,
    /// Those of one client.
    pub batches_per_client: usize,
    /// Clients' keys that are stored.
    pub stored_keys: u64,
    /// Clients' keys that are at hand in memory.
    pub keys_at_hand: usize,
    /// Clients that send their keys at a time.
    pub registrations: usize,
    /// Answers that wait to be fetched; the oldest go first.
    pub answers: usize,
    /// How long an answer waits.
    pub answer_age: Duration,
    /// How long a request may take to send its body.
    pub upload: Duration,
    /// How long it may send nothing at all.
    pub silence: Duration,
    /// How long a connection may take to be secured.
    pub handshake: Duration,
    /// How long a connection without a client certificate lasts: enough for what is public.
    pub stranger: Duration,
    /// Connections at a time.
    pub connections: usize,
    /// How long clients may fetch their answers after the service was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batches: 8,
            batches_per_client: 2,
            stored_keys: 10_000,
            keys_at_hand: 64,
            registrations: 8,
            answers: 256,
            answer_age: Duration::from_secs(600),
            upload: Duration::from_secs(600),
            silence: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            stranger: Duration::from_secs(30),
            connections: 256,
            drain: Duration::from_secs(30),
        }
    }
}
