//! The provider as a server: HTTP/2 over TLS, for clients with certificates of an authority (paper, Section 4).
//!
//! Clients register their keys, send batches and fetch answers. `docs/service.md` lists the resources. [`Limits`] bounds
//! everything that a client can make the server store or do: batches in memory and in the queue, keys on disk, answers,
//! connections, and the time of every step. A client can send every request again without changing its result.
//!
//! | module | holds |
//! | --- | --- |
//! | `listener` | how connections begin, are served and end |
//! | `connections` | the open connections: maxima, idle and old ones, budgets of requests |
//! | `metrics_listener` | connections to health and metrics |
//! | `access` | which clients may use which keys |
//! | `routes` | resources and their handlers |
//! | `refusal` | every reason to refuse a request, with its status |
//! | `state` | what all handlers share |
//! | `served_models` | the models, which can be replaced while the service runs |
//! | `blocking_work` | work on blocking threads, with a limit for each client |
//! | `upload`, `upload_progress` | the body of a request, with limits of time and a least rate |
//! | `upload_slot` | the place of a batch that is being received |
//! | `batches`, `batch_name`, `progress` | the batches from upload to answer |
//! | `waiting_clients`, `fair_queue`, `answer_share` | each client's share of places, evaluations and answers |
//! | `worker` | the thread that evaluates |
//! | `client_keys`, `key_locks`, `registration_slots` | clients' keys as they arrive and are deleted |
//! | `key_store`, `registration` | registered keys on disk, and what is noted of them |
//! | `state_folder` | the folder of the registered keys |
//! | `operator_commands`, `operator_socket` | what an operator asks on the service's own machine |
//! | `maintenance` | registrations that are deleted because their certificates have ended |
//! | `limits`, `metrics` | limits, and counters |
//! | `log_limiter` | how often the log says the same |
//! | `open_files` | the system's limit of open files |

mod access;
mod answer_share;
mod batch_name;
mod batches;
mod blocking_work;
mod client_keys;
mod connections;
mod fair_queue;
mod key_locks;
mod key_store;
mod limits;
mod listener;
mod log_limiter;
mod maintenance;
mod metrics;
mod metrics_listener;
mod open_files;
mod operator_commands;
#[cfg(unix)]
mod operator_socket;
mod progress;
mod refusal;
mod registration;
mod registration_slots;
mod routes;
mod served_models;
mod state;
mod state_folder;
mod upload;
mod upload_progress;
mod upload_slot;
mod waiting_clients;
mod worker;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use sottovoce_bfv::FloodingNoise;
use sottovoce_network::IntegerEnsemble;
use sottovoce_protocol::provider::Provider;
use tokio::net::TcpListener;
use tokio::time::MissedTickBehavior;
use tracing::{error, info};

pub use access::AccessPolicy;
use batches::Batches;
use blocking_work::BlockingWork;
use client_keys::ClientKeys;
use connections::Connections;
use key_store::KeyStore;
pub use key_store::KeyStoreError;
pub use limits::Limits;
use log_limiter::LogLimiter;
use metrics::Metrics;
use open_files::{TooFewFiles, allow_open_files};
pub use operator_commands::{StoppedService, StoppedServiceError};
#[cfg(unix)]
use operator_socket::OperatorSocket;
use registration_slots::RegistrationSlots;
use served_models::{NameMismatch, ServedModels};
use state::ServerState;
pub use state_folder::{StateFolder, StateFolderError};

/// Interval at which files of certificates and revoked certificates are looked at. An unchanged file costs one look at its metadata.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Interval at which a stopping server looks for unanswered batches and stored answers.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// A provider that is served over HTTP. Clones share one state.
#[derive(Clone)]
pub struct Server {
    state: Arc<ServerState>,
}

/// A server cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// There must be a different name for every model.
    #[error("{models} models need as many different names, but have {names}")]
    Names {
        /// Number of different names.
        names: usize,
        /// Number of models.
        models: usize,
    },
    /// Without certificates, the address must be a loopback address.
    #[error("{address} is not a loopback address: without certificates, only this machine may be served")]
    NotLoopback {
        /// Requested address.
        address: SocketAddr,
    },
    /// Metrics are for this machine unless the operator says otherwise.
    #[error(
        "{address} is not a loopback address, but metrics have no TLS and no certificates: everybody who can reach the address \
         reads them. Use 127.0.0.1:{} and let a program on this machine pass them on, or add --public-metrics if only the \
         monitoring can reach the address", .address.port()
    )]
    PublicMetrics {
        /// Requested address.
        address: SocketAddr,
    },
    /// The system allows too few open files.
    #[error(
        "{connections} connections need {needed} open files, but the system allows {allowed}: give fewer --connections, or \
         allow more open files (`ulimit -Hn`, or LimitNOFILE of a systemd unit)"
    )]
    TooFewFiles {
        /// Maximum number of connections.
        connections: usize,
        /// Needed number of open files.
        needed: u64,
        /// Allowed number of open files.
        allowed: u64,
    },
    /// The database of registered keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyStoreError),
    /// The address cannot be used.
    #[error("cannot listen on {address}")]
    Listen {
        /// Requested address.
        address: SocketAddr,
        /// Error of the network.
        source: io::Error,
    },
    /// The socket for the operator's commands cannot be made.
    #[error("cannot make the socket for the operator's commands in {folder}", folder = folder.display())]
    OperatorSocket {
        /// The state folder.
        folder: PathBuf,
        /// Error of the system.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] io::Error),
    /// The metrics cannot be set up.
    #[error("cannot set up the metrics")]
    Metrics(#[from] prometheus::Error),
}

impl From<NameMismatch> for ServerError {
    fn from(NameMismatch { names, models }: NameMismatch) -> Self {
        Self::Names { names, models }
    }
}

impl Server {
    /// Makes a server of `provider`, whose models have the names `model_names`, with the registered keys in `folder`.
    /// `peak_memory_bytes` returns the peak memory of the process.
    ///
    /// # Errors
    /// If the models do not have as many different names, or the database cannot be opened.
    pub fn new(
        provider: Provider,
        model_names: Vec<String>,
        access: AccessPolicy,
        limits: Limits,
        folder: &StateFolder,
        peak_memory_bytes: fn() -> Option<u64>,
    ) -> Result<Self, ServerError> {
        let served = ServedModels::new(provider, model_names)?;
        let store = KeyStore::open(&folder.database_path())?;
        let metrics = Metrics::new()?;
        let state = ServerState {
            served: RwLock::new(Arc::new(served)),
            access,
            keys: ClientKeys::new(store, limits.stored_keys),
            batches: Arc::new(Batches::new(limits.clone())),
            registration_slots: RegistrationSlots::new(limits.registrations),
            connections: Arc::new(Connections::new(limits.of_connections())),
            log_limiter: Arc::new(LogLimiter::default()),
            work: BlockingWork::new(&limits, metrics.work.clone()),
            folder: folder.path().to_owned(),
            limits,
            metrics,
            peak_memory_bytes,
        };
        Ok(Self { state: Arc::new(state) })
    }

    /// Replaces the models by others for the same parameters. Batches that have begun to arrive are evaluated by the models for which
    /// they were sent. `flooding` is the noise flooding that the new models need.
    ///
    /// # Errors
    /// If the models do not have as many different names.
    pub fn replace_models(
        &self,
        models: Vec<IntegerEnsemble>,
        names: Vec<String>,
        flooding: Option<FloodingNoise>,
    ) -> Result<(), ServerError> {
        let provider = self.state.provider().with_models(models).with_flooding(flooding);
        let served = ServedModels::new(provider, names)?;
        *self.state.served.write() = Arc::new(served);
        Ok(())
    }

    /// Reads the files of certificates and revoked certificates again. What cannot be used leaves everything as it was, and is logged.
    /// Waits for files.
    pub fn reload_certificates(&self) {
        if let AccessPolicy::Certificates(tls) = &self.state.access {
            tls.reload();
        }
    }

    /// Binds an address for clients, and raises the number of open files of this process to what the connections need.
    ///
    /// # Errors
    /// If the address is in use, the access policy does not allow it, or the system allows too few open files.
    pub async fn bind(&self, address: SocketAddr) -> Result<TcpListener, ServerError> {
        if matches!(self.state.access, AccessPolicy::InsecureLocal) && !address.ip().is_loopback() {
            return Err(ServerError::NotLoopback { address });
        }
        let connections = self.state.limits.connections;
        allow_open_files(&self.state.limits).map_err(|TooFewFiles { needed, allowed }| {
            ServerError::TooFewFiles { connections, needed, allowed }
        })?;
        bind(address).await
    }

    /// Serves clients until `stop` ends. Then admits no more batches, evaluates those that wait, and lets clients fetch their
    /// answers for a limited time.
    ///
    /// # Errors
    /// If the thread that evaluates cannot be started, or the socket for the operator's commands cannot be made.
    pub async fn serve(
        self,
        listener: TcpListener,
        stop: impl Future<Output = ()>,
    ) -> Result<(), ServerError> {
        let state = self.state.clone();
        let worker = std::thread::Builder::new().name("evaluation".to_owned());
        let worker = worker.spawn(move || worker::evaluate_batches(&state)).map_err(ServerError::Thread)?;
        let drained = async {
            stop.await;
            self.drain().await;
        };
        // The database is locked, so no other service uses the folder.
        #[cfg(unix)]
        let operator = {
            let folder = &self.state.folder;
            let failed = |source| ServerError::OperatorSocket { folder: folder.clone(), source };
            tokio::spawn(OperatorSocket::bind(folder).map_err(failed)?.serve(self.state.clone()))
        };
        let refresh = tokio::spawn(refresh_certificates(self.state.clone()));
        let maintenance = tokio::spawn(maintenance::maintain_registrations(self.state.clone()));
        listener::listen(self.state.clone(), listener, drained).await;
        refresh.abort();
        maintenance.abort();
        #[cfg(unix)]
        operator.abort();
        maintenance::write_uses(self.state.clone()).await;
        self.state.batches.stop();
        // The worker ends after the tile that it is evaluating.
        #[expect(clippy::disallowed_methods, reason = "there is one worker")]
        let joined = tokio::task::spawn_blocking(|| worker.join());
        if !matches!(joined.await, Ok(Ok(()))) {
            error!("the evaluation thread panicked");
        }
        info!("stopped");
        Ok(())
    }

    /// Serves health and metrics to everybody who can reach the listener, for ever.
    pub async fn serve_metrics(self, listener: TcpListener) {
        metrics_listener::listen_for_metrics(self.state, listener).await;
    }

    async fn drain(&self) {
        let batches = &self.state.batches;
        batches.close();
        let (held, answers) = batches.counts();
        info!(held, answers, "stopping");
        let end = tokio::time::Instant::now() + self.state.limits.drain;
        while batches.counts() != (0, 0) && tokio::time::Instant::now() < end {
            tokio::time::sleep(DRAIN_INTERVAL).await;
        }
    }
}

/// Reads files of certificates and revoked certificates when they have changed.
#[expect(clippy::disallowed_methods, reason = "one refresh at a time, and no client causes it")]
async fn refresh_certificates(state: Arc<ServerState>) {
    let AccessPolicy::Certificates(tls) = &state.access else { return };
    let mut interval = tokio::time::interval(REFRESH_INTERVAL);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        let tls = tls.clone();
        if let Err(error) = tokio::task::spawn_blocking(move || tls.refresh()).await {
            error!(%error, "reading certificates failed");
        }
    }
}

/// Binds an address for health and metrics: a loopback address, or any if `is_public`.
///
/// # Errors
/// If the address is in use, or is not a loopback address.
pub async fn bind_metrics(address: SocketAddr, is_public: bool) -> Result<TcpListener, ServerError> {
    if !is_public && !address.ip().is_loopback() {
        return Err(ServerError::PublicMetrics { address });
    }
    bind(address).await
}

async fn bind(address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })
}
