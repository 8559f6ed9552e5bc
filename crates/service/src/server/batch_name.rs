//! The names of batches.

use sottovoce_protocol::Fingerprint;

/// Name of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BatchName {
    /// Fingerprint of the client's keys.
    pub key: Fingerprint,
    /// Fingerprint of the batch message.
    pub batch: Fingerprint,
}

#[cfg(test)]
impl BatchName {
    /// Returns a name for tests.
    pub fn of_numbers(client: u8, batch: u8) -> Self {
        Self { key: Fingerprint::from_bytes([client; 32]), batch: Fingerprint::from_bytes([batch; 32]) }
    }
}
