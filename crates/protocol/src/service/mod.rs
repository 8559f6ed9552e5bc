//! The provider as a service: HTTP/2 over TLS, for clients with certificates of an authority (paper, Section 4).
//!
//! Clients register their keys, send batches and fetch answers; `docs/service.md` has the resources. Everything that a
//! client can make the service hold or do is bounded ([`Limits`]): batches in memory and in the queue, keys on disk,
//! answers, connections, the time of every step. Whatever a client sends again means what it meant the first time.
//!
//! | module | holds |
//! | --- | --- |
//! | `listener` | connections |
//! | `door` | who may come in |
//! | `routes`, `refusal` | resources, and what else clients are told |
//! | `upload`, `counting` | bodies as they come |
//! | `place` | a batch that is being received |
//! | `batches` | the batches from upload to answer, and the queue |
//! | `worker` | the thread that evaluates |
//! | `keys`, `registering` | clients' keys, as they come and go |
//! | `store` | registered keys on disk |
//! | `metrics` | what is counted |

mod batches;
mod counting;
mod door;
mod keys;
mod listener;
mod metrics;
mod place;
mod refusal;
mod registering;
mod routes;
mod settings;
mod store;
mod upload;
mod worker;

use std::collections::HashSet;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::StatusCode;
use tokio::net::TcpListener;
use tracing::{error, info};

use crate::message::registration;
use crate::{Fingerprint, Provider, ReceivedBatch, size};
pub use batches::BatchState;
use batches::Batches;
pub use door::Door;
use metrics::Metrics;
use refusal::Refusal;
use registering::Registering;
pub use routes::ModelEntry;
pub use settings::Limits;
use store::KeyStore;
pub use store::StoreError as KeyStoreError;

/// Answers and waiting batches are looked at so often while a service is being stopped.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A provider with everything that serving it takes.
pub struct Service {
    provider: Provider,
    /// Of the provider's models, in their order.
    names: Vec<String>,
    door: Door,
    limits: Limits,
    keys: KeyStore,
    batches: Arc<Batches>,
    /// The keys that are coming in.
    registering: Registering,
    /// Held while keys come or go, on disk and in memory.
    changing: Mutex<()>,
    metrics: Metrics,
    peak_memory: fn() -> Option<u64>,
    /// Bytes of batches, for every number of pixels that a model reads.
    batch_lengths: Vec<u64>,
}

/// A service that cannot be started, or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServiceError {
    /// There must be a name for every model.
    #[error("{models} models need as many different names, but have {names}")]
    Names {
        /// Different names.
        names: usize,
        /// Models.
        models: usize,
    },
    /// Clients are known by nothing, and could come from anywhere.
    #[error("{address} is no loopback address: without certificates, only this machine may be served")]
    NotLoopback {
        /// The address.
        address: SocketAddr,
    },
    /// The registered keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The network refuses.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// Metrics cannot be set up.
    #[error("cannot set up the metrics")]
    Metrics(#[from] prometheus::Error),
}

impl Service {
    /// A service of `provider`, whose models are known by `names`, with the registered keys in the database `keys`.
    /// `peak_memory` tells the most memory that the process has held, in bytes.
    ///
    /// # Errors
    /// If there is not one name for each model, or the database cannot be opened.
    pub fn new(
        provider: Provider,
        names: Vec<String>,
        door: Door,
        limits: Limits,
        keys: &Path,
        peak_memory: fn() -> Option<u64>,
    ) -> Result<Arc<Self>, ServiceError> {
        let (models, different) = (provider.models().count(), names.iter().collect::<HashSet<_>>().len());
        if names.len() != models || different != models {
            return Err(ServiceError::Names { names: different, models });
        }
        let mut batch_lengths: Vec<u64> =
            provider.models().map(|model| size::batch_bytes(provider.parameters(), model.pixels())).collect();
        batch_lengths.sort_unstable();
        batch_lengths.dedup();
        let batches = Arc::new(Batches::new(limits.clone()));
        let keys = KeyStore::open(keys)?;
        if keys.len()? >= limits.stored_keys {
            // Those for parameters of former times are of no use.
            let current = Fingerprint::of_parameters(provider.parameters());
            keys.purge(|message| registration::parameters_of(message) != Some(&current.as_bytes()[..]))?;
        }
        let metrics = Metrics::new()?;
        let registering = Registering::new(limits.registrations);
        Ok(Arc::new(Self {
            provider,
            names,
            door,
            limits,
            keys,
            batches,
            registering,
            changing: Mutex::new(()),
            metrics,
            peak_memory,
            batch_lengths,
        }))
    }

    /// Takes an address to serve.
    ///
    /// # Errors
    /// If the address is taken, or may not be served.
    pub async fn bind(&self, address: SocketAddr) -> Result<TcpListener, ServiceError> {
        if matches!(self.door, Door::InsecureLocal) && !address.ip().is_loopback() {
            return Err(ServiceError::NotLoopback { address });
        }
        bind(address).await
    }

    /// Serves clients until `stop` ends, then takes no more batches, evaluates those that wait, and lets clients fetch their
    /// answers for a while.
    ///
    /// # Errors
    /// If the worker cannot be started.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServiceError> {
        let worker = self.clone();
        let worker =
            std::thread::Builder::new().name("evaluation".to_owned()).spawn(move || worker::work(&worker));
        let worker = worker.map_err(ServiceError::Thread)?;
        let drained = async {
            stop.await;
            self.drain().await;
        };
        listener::listen(self.clone(), listener, drained).await;
        self.batches.stop();
        // It ends at the next tile.
        if tokio::task::spawn_blocking(|| worker.join()).await.is_err() {
            error!("the worker did not end well");
        }
        info!("stopped");
        Ok(())
    }

    /// Serves health and metrics alone, to whoever can reach the listener.
    ///
    /// # Errors
    /// If the network fails.
    pub async fn serve_metrics(self: Arc<Self>, listener: TcpListener) -> io::Result<()> {
        axum::serve(listener, routes::inner_routes(&self)).await
    }

    async fn drain(&self) {
        self.batches.close();
        let (held, answers) = self.batches.counts();
        info!(held, answers, "stopping");
        let end = tokio::time::Instant::now() + self.limits.drain;
        while self.batches.counts() != (0, 0) && tokio::time::Instant::now() < end {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Reads a batch on two threads of its own: one waits for bytes, the other makes ciphertexts of them. The common pool is
    /// full with evaluations, and a slow client must not hold up others.
    fn receive(&self, body: impl Read + Send) -> Result<ReceivedBatch, Refusal> {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().map_err(|reason| {
            error!(%reason, "cannot start threads");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the service has no threads to spare at present")
        })?;
        pool.install(|| self.provider.receive(body)).map_err(|error| Refusal::message(&error))
    }

    fn metrics_text(&self) -> Result<String, prometheus::Error> {
        let (held, answers) = self.batches.counts();
        self.metrics.held_batches.set(held as i64);
        self.metrics.answers.set(answers as i64);
        self.metrics.stored_keys.set(self.keys.len().map_or(-1, |keys| keys as i64));
        self.metrics.peak_memory_bytes.set((self.peak_memory)().map_or(0, |bytes| bytes as i64));
        self.metrics.text()
    }
}

/// Takes any address, for health and metrics.
///
/// # Errors
/// If it is taken.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ServiceError> {
    TcpListener::bind(address).await.map_err(|source| ServiceError::Listen { address, source })
}
