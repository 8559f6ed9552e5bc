//! Everything that the handlers of requests share.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use super::access::AccessPolicy;
use super::batches::Batches;
use super::blocking_work::BlockingWork;
use super::client_keys::ClientKeys;
use super::connections::Connections;
use super::handshake_work::HandshakeWork;
use super::limits::Limits;
use super::log_limiter::LogLimiter;
use super::metrics::Metrics;
use super::registration_slots::RegistrationSlots;
use super::served_models::ServedModels;

/// Shared state of a server.
pub struct ServerState {
    /// The models at present. They are replaced as a whole.
    pub served: RwLock<Arc<ServedModels>>,
    pub access: AccessPolicy,
    /// Folder of the registered keys.
    pub folder: PathBuf,
    pub limits: Limits,
    pub keys: ClientKeys,
    pub batches: Arc<Batches>,
    pub registration_slots: RegistrationSlots,
    pub connections: Arc<Connections>,
    pub handshakes: HandshakeWork,
    pub log_limiter: Arc<LogLimiter>,
    pub work: BlockingWork,
    pub metrics: Metrics,
    /// Returns the peak memory of the process in bytes, if the system tells it.
    pub peak_memory_bytes: fn() -> Option<u64>,
}

impl ServerState {
    /// Returns the models at present. A request uses one snapshot from beginning to end, and a batch keeps the snapshot with
    /// which it was received.
    pub fn served(&self) -> Arc<ServedModels> {
        self.served.read().clone()
    }

    /// Returns the metrics in Prometheus' text format.
    pub fn metrics_text(&self) -> Result<String, prometheus::Error> {
        let (held, answers) = self.batches.counts();
        self.metrics.held_batches.set(held as i64);
        self.metrics.answers.set(answers as i64);
        self.metrics.stored_keys.set(self.keys.count().map_or(-1, |keys| keys as i64));
        let counts = self.connections.counts();
        for (kind, count) in [
            ("unverified", counts.unverified),
            ("anonymous", counts.anonymous),
            ("local", counts.local),
            ("client", counts.client),
        ] {
            self.metrics.connections.with_label_values(&[kind]).set(count as i64);
        }
        self.metrics.peak_memory_bytes.set((self.peak_memory_bytes)().map_or(0, |bytes| bytes as i64));
        self.metrics.text()
    }
}
