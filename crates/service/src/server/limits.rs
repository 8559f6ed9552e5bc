//! Limits of a service.

use std::time::Duration;

use super::connections::ConnectionLimits;

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
    /// Maximum number of clients whose keys for packed evaluation, which take far more memory, are in memory.
    pub packed_keys_in_memory: usize,
    /// Maximum number of clients that send their keys at the same time.
    pub registrations: usize,
    /// Maximum number of clients among them that send keys for packed evaluation, which have tens of megabytes.
    pub packed_registrations: usize,
    /// Maximum number of jobs on blocking threads at the same time. A job reads or writes the database of keys.
    pub work: usize,
    /// Maximum number of such jobs of one client.
    pub work_per_client: usize,
    /// Maximum number of further requests of one client that wait for such a job.
    pub waiting_work_per_client: usize,
    /// Maximum number of stored answers. The client with most answers loses its oldest one first.
    pub answers: usize,
    /// Maximum number of stored answers of one client. Its oldest ones are dropped first.
    pub answers_per_client: usize,
    /// Time after which an answer is dropped.
    pub answer_age: Duration,
    /// Maximum duration of a batch's upload.
    pub upload: Duration,
    /// Least bytes a second of a body, measured over `upload_grace` to its double. A batch's upload below four times this rate
    /// gives its slot to another client, if no slot is free.
    pub upload_bytes_per_second: u32,
    /// Time after which the rate of a body is first looked at.
    pub upload_grace: Duration,
    /// Maximum pause within a body.
    pub silence: Duration,
    /// Maximum duration of a TLS handshake.
    pub handshake: Duration,
    /// Maximum duration of a connection without a client certificate, which can only read public resources.
    pub anonymous_connection: Duration,
    /// Maximum number of connections, at least 2. A quarter is for those that have not shown a certificate.
    pub connections: usize,
    /// Maximum number of connections of one client, but never more than half of the slots for clients with certificates.
    pub connections_per_client: usize,
    /// Time without a request after which a connection is closed.
    pub connection_idle: Duration,
    /// Time after which a connection takes no more requests. Those that run may end within `upload`.
    pub connection_age: Duration,
    /// Maximum number of requests per second of one client, over all its connections. Five times as many may come at once.
    pub requests_per_second: u32,
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
            packed_keys_in_memory: 8,
            registrations: 32,
            packed_registrations: 4,
            work: 8,
            work_per_client: 1,
            waiting_work_per_client: 4,
            answers: 256,
            answers_per_client: 16,
            answer_age: Duration::from_secs(600),
            upload: Duration::from_secs(600),
            upload_bytes_per_second: 64 << 10,
            upload_grace: Duration::from_secs(10),
            silence: Duration::from_secs(15),
            handshake: Duration::from_secs(10),
            anonymous_connection: Duration::from_secs(30),
            connections: 256,
            connections_per_client: 8,
            connection_idle: Duration::from_secs(60),
            connection_age: Duration::from_secs(3600),
            // `classify` asks 20 times a second on each connection, and more often in a batch's first fifth of a second.
            requests_per_second: 1000,
            drain: Duration::from_secs(30),
        }
    }
}

impl Limits {
    /// Maximum number of connections to health and metrics. They have descriptors besides those of `connections`.
    pub const METRICS_CONNECTIONS: usize = 16;

    /// Returns the limits on connections of clients.
    pub(super) fn of_connections(&self) -> ConnectionLimits {
        let unverified = (self.connections / 4).max(1);
        let verified = self.connections.saturating_sub(unverified).max(1);
        ConnectionLimits {
            unverified,
            verified,
            per_client: self.connections_per_client.min(verified / 2).max(1),
            idle: self.connection_idle,
            age: self.connection_age,
            finish: self.upload,
            requests_per_second: self.requests_per_second,
        }
    }

    /// Returns the number of slots for batches that only clients without a batch can take: a quarter, and at least one unless
    /// there is only one slot. One client can therefore never take all slots.
    pub(super) fn kept_slots(&self) -> usize {
        match self.batches {
            0 | 1 => 0,
            batches => (batches / 4).max(1),
        }
    }
}
