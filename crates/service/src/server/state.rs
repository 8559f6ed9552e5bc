//! Everything that the handlers of requests share.

use std::io::Read;
use std::sync::Arc;

use sottovoce_protocol::provider::{Provider, ReceivedBatch};
use tracing::error;

use super::access::AccessPolicy;
use super::batches::Batches;
use super::client_keys::ClientKeys;
use super::limits::Limits;
use super::metrics::Metrics;
use super::refusal::Refusal;
use super::registration_slots::RegistrationSlots;

/// Shared state of a server.
pub struct ServerState {
    pub provider: Provider,
    /// Names of the provider's models, in the same order.
    pub model_names: Vec<String>,
    pub access: AccessPolicy,
    pub limits: Limits,
    pub keys: ClientKeys,
    pub batches: Arc<Batches>,
    pub registration_slots: RegistrationSlots,
    pub metrics: Metrics,
    /// Returns the peak memory of the process in bytes, if the system tells it.
    pub peak_memory_bytes: fn() -> Option<u64>,
    /// Allowed lengths of a batch message: one for every number of pixels that a model reads.
    pub batch_lengths: Vec<u64>,
}

impl ServerState {
    /// Receives a batch on two threads of its own: one reads bytes, the other one checks ciphertexts. The global thread pool
    /// is busy with evaluations, and a slow client must not delay others.
    pub fn receive(&self, body: impl Read + Send) -> Result<ReceivedBatch, Refusal> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().map_err(|reason| {
            error!(%reason, "cannot start threads");
            Refusal::no_threads()
        })?;
        pool.install(|| self.provider.receive(body)).map_err(|error| Refusal::of_message(&error))
    }

    /// Returns the metrics in Prometheus' text format.
    pub fn metrics_text(&self) -> Result<String, prometheus::Error> {
        let (held, answers) = self.batches.counts();
        self.metrics.held_batches.set(held as i64);
        self.metrics.answers.set(answers as i64);
        self.metrics.stored_keys.set(self.keys.count().map_or(-1, |keys| keys as i64));
        self.metrics.peak_memory_bytes.set((self.peak_memory_bytes)().map_or(0, |bytes| bytes as i64));
        self.metrics.text()
    }
}
