//! Connections of clients: TLS, HTTP/2, and how they end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::{Extension, Router};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use prometheus::IntGauge;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};

use super::access::{AccessPolicy, Caller};
use super::routes::client_router;
use super::state::ServerState;
use crate::tls::server::ServerTls;

/// Bytes of a request in transit: enough for one machine's loopback, and small compared with a batch.
const STREAM_WINDOW: u32 = 1 << 20;
/// Bytes of all requests of a connection in transit.
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Maximum number of simultaneous requests on a connection.
const MAX_STREAMS: u32 = 16;
/// Maximum size of headers. The longest path and a few headers take less than 1 kB.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Silence after which the peer is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Time that the peer has to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Time that connections have to end after the service has stopped.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// Accepts connections until `stop` ends, then waits for running requests.
pub async fn listen(state: Arc<ServerState>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(state.limits.connections));
    let router = client_router(&state);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // Without a permit, connections wait in the system's queue.
            let permit = permits.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let (state, router) = (state.clone(), router.clone());
                let connection = Connection { state, router, peer, permit };
                tokio::spawn(connection.serve(stream, graceful.watcher()));
            }
            Err(error) => {
                // The likely reason is too many open files, which a pause can mend.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(SHUTDOWN_TIMEOUT, graceful.shutdown()).await;
}

struct Connection {
    state: Arc<ServerState>,
    router: Router,
    peer: SocketAddr,
    permit: Option<OwnedSemaphorePermit>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: Watcher) {
        let _ = stream.set_nodelay(true);
        let peer = self.peer;
        let tls = match &self.state.access {
            AccessPolicy::InsecureLocal => return self.serve_http(stream, Caller(None), watcher).await,
            AccessPolicy::Certificates(tls) => tls,
        };
        let acceptor = TlsAcceptor::from(tls.current_configuration());
        let stream = match timeout(self.state.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return warn!(%peer, %error, "TLS was refused"),
            Err(_) => return warn!(%peer, "TLS took too long"),
        };
        match ServerTls::read_identity(stream.get_ref().1.peer_certificates()) {
            Ok(identity) => {
                let caller = Caller(identity.map(Arc::new));
                debug!(%peer, client = caller.name(), "connected");
                let max_duration = self.state.limits.anonymous_connection;
                let is_anonymous = caller.0.is_none();
                let served = self.serve_http(stream, caller, watcher);
                // A client without a certificate must not occupy a connection for long.
                match is_anonymous {
                    true => timeout(max_duration, served).await.unwrap_or(()),
                    false => served.await,
                }
            }
            Err(error) => warn!(%peer, %error, "a certificate was refused"),
        }
    }

    async fn serve_http(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
        watcher: Watcher,
    ) {
        let Self { state, router, peer, permit } = self;
        let _counted = CountedConnection::new(&state.metrics.connections);
        // HTTP/2 pings a peer only after the first bytes, so a peer that sends none is dropped here.
        let mut stream = BufReader::new(stream);
        if !matches!(timeout(state.limits.handshake, stream.fill_buf()).await, Ok(Ok(_))) {
            return debug!(%peer, "a connection sent nothing");
        }
        let handler = TowerToHyperService::new(router.layer(Extension(caller)));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .serve_connection(TokioIo::new(stream), handler);
        if let Err(error) = watcher.watch(connection).await {
            debug!(%peer, %error, "a connection broke");
        }
        drop(permit);
    }
}

/// Counts a connection in the gauge until it is dropped.
struct CountedConnection<'a>(&'a IntGauge);

impl<'a> CountedConnection<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for CountedConnection<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
