//! Starts the service, serves until it is told to stop, and ends it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::RwLock;
use sottovoce_bfv::FloodingNoise;
use sottovoce_network::IntegerEnsemble;
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::MissedTickBehavior;
use tracing::{error, info};

use super::access::AccessPolicy;
use super::batches::Batches;
use super::blocking_work::BlockingWork;
use super::client_keys::ClientKeys;
use super::connections::Connections;
use super::handshake_work::HandshakeWork;
use super::key_store::KeyStore;
use super::limits::Limits;
use super::log_limiter::LogLimiter;
use super::metrics::Metrics;
use super::open_files::{TooFewFiles, allow_open_files};
#[cfg(unix)]
use super::operator_socket::OperatorSocket;
use super::registration_slots::RegistrationSlots;
use super::served_models::{Providers, ServedModels};
use super::server_error::ServerError;
use super::state::ServerState;
use super::state_folder::StateFolder;
use super::{listener, maintenance, metrics_listener, worker};
use crate::resource::NamedModel;

/// Interval at which files of certificates and revoked certificates are looked at. An unchanged file costs one look at its metadata.
const REFRESH_INTERVAL: Duration = Duration::from_secs(1);

/// Interval at which a stopping server looks for unanswered batches and stored answers.
const DRAIN_INTERVAL: Duration = Duration::from_millis(50);

/// Connections that the system completes and keeps until the service accepts them, for moments in which many arrive together. The
/// system may have a smaller maximum (on Linux `net.core.somaxconn`, usually 4096).
const BACKLOG: u32 = 4096;

/// A provider that is served over HTTP. Clones share one state.
#[derive(Clone)]
pub struct Server {
    state: Arc<ServerState>,
}

impl Server {
    /// Makes a server of `providers`, whose models are named by `models`, with the registered keys in `folder`.
    /// `peak_memory_bytes` returns the peak memory of the process.
    ///
    /// # Errors
    /// If the models do not have as many different names, the providers have different models, or the database cannot be opened.
    pub fn new(
        providers: impl Into<Providers>,
        models: Vec<impl Into<NamedModel>>,
        access: AccessPolicy,
        limits: Limits,
        folder: &StateFolder,
        peak_memory_bytes: fn() -> Option<u64>,
    ) -> Result<Self, ServerError> {
        let named: Vec<NamedModel> = models.into_iter().map(Into::into).collect();
        let served = ServedModels::new(providers.into(), &named)?;
        if let AccessPolicy::Certificates(tls) = &access {
            tls.warn_of_unlisted_models(served.entries());
        }
        let store = KeyStore::open(&folder.database_path())?;
        store.compact()?;
        let metrics = Metrics::new()?;
        let state = ServerState {
            served: RwLock::new(Arc::new(served)),
            access,
            keys: ClientKeys::new(store, limits.stored_keys),
            batches: Arc::new(Batches::new(limits.clone())),
            registration_slots: RegistrationSlots::new(limits.registrations, limits.packed_registrations),
            connections: Arc::new(Connections::new(limits.of_connections())),
            handshakes: HandshakeWork::new(),
            log_limiter: Arc::new(LogLimiter::default()),
            work: BlockingWork::new(&limits, metrics.work.clone()).map_err(ServerError::Thread)?,
            folder: folder.path().to_owned(),
            limits,
            metrics,
            peak_memory_bytes,
        };
        Ok(Self { state: Arc::new(state) })
    }

    /// Replaces the models by others for the same parameters. Batches that have begun to arrive are evaluated by the models for which
    /// they were sent. `flooding` is the noise flooding that the new models need under batched parameters.
    ///
    /// # Errors
    /// If the models do not have as many different names, or the parameters do not allow them.
    pub fn replace_models(
        &self,
        models: Vec<IntegerEnsemble>,
        named: &[NamedModel],
        flooding: Option<FloodingNoise>,
    ) -> Result<(), ServerError> {
        let served = self.state.served();
        let packed = served.packed().map(|packed| packed.with_models(models.clone())).transpose()?;
        let batched = served.batched().with_models(models)?.with_flooding(flooding)?;
        let served = ServedModels::new(Providers { batched, packed }, named)?;
        if let AccessPolicy::Certificates(tls) = &self.state.access {
            tls.warn_of_unlisted_models(served.entries());
        }
        *self.state.served.write() = Arc::new(served);
        Ok(())
    }

    /// Reads the files of certificates and revoked certificates again. What cannot be used leaves everything as it was, and is logged.
    /// Returns the names of files that cannot be used. Waits for files.
    pub fn reload_certificates(&self) -> Vec<&'static str> {
        match &self.state.access {
            AccessPolicy::Certificates(tls) => tls.reload(),
            AccessPolicy::InsecureLocal => Vec::new(),
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
    let listen = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // A restarted service gets its address back. On Windows the option would let other programs take it.
        #[cfg(not(windows))]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    listen().map_err(|source| ServerError::Listen { address, source })
}
