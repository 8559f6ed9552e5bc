//! Limits of a service.

use std::time::Duration;

/// Limits on the memory, disk space and time that clients can use.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Maximum number of batches that are being received, waiting or being evaluated. Each takes the memory of its
    /// ciphertexts.
    pub batches: usize,
    /// Maximum number of such batches of one client.
    pub batches_per_client: usize,
    /// Maximum number of clients whose keys are stored on disk.
    pub stored_keys: u64,
    /// Maximum number of clients whose keys are in memory.
    pub keys_in_memory: usize,
    /// Maximum number of clients that send their keys at the same time.
    pub registrations: usize,
    /// Maximum number of stored answers. The oldest answers are dropped first.
    pub answers: usize,
    /// Time after which an answer is dropped.
    pub answer_age: Duration,
    /// Maximum duration of a batch's upload.
    pub upload: Duration,
    /// Maximum pause within a body.
    pub silence: Duration,
    /// Maximum duration of a TLS handshake.
    pub handshake: Duration,
    /// Maximum duration of a connection without a client certificate, which can only read public resources.
    pub anonymous_connection: Duration,
    /// Maximum number of connections.
    pub connections: usize,
    /// Time for clients to fetch their answers after the service was told to stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batches: 8,
            batches_per_client: 2,
            stored_keys: 10_000,
            keys_in_memory: 64,
            registrations: 8,
            answers: 256,
            answer_age: Duration::from_secs(600),
            upload: Duration::from_secs(600),
            silence: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            anonymous_connection: Duration::from_secs(30),
            connections: 256,
            drain: Duration::from_secs(30),
        }
    }
}
