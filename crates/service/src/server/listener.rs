//! Connections of clients: TLS, HTTP/2, and how they end.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::{Extension, Router, middleware};
use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tracing::{debug, info, warn};

use super::access::{AccessPolicy, Caller};
use super::connections::{
    CloseReason, Closing, ConnectionSlot, OpenConnection, Owner, RequestBudget, RequestMeter, meter_request,
};
use super::refusal::Refusal;
use super::routes::client_router;
use super::state::ServerState;
use crate::observed_stream::ObservedStream;
use crate::tls::client_verifier::handshake_error;

/// Sizes of a connection's buffers in bytes.
#[derive(Debug, Clone, Copy)]
struct Buffers {
    /// Bytes of requests in transit, of each one and of all together.
    window: u32,
    /// Bytes of a response that wait to be sent.
    response: u32,
}

/// Buffers of a client's connection: enough for one machine's loopback, and small compared with a batch. `classify` has one
/// upload at a time.
const CLIENT_BUFFERS: Buffers = Buffers { window: 1 << 20, response: 64 << 10 };
/// Buffers of a connection whose requests have no bodies or are refused: the minimum of HTTP/2.
const BODILESS_BUFFERS: Buffers = Buffers { window: (1 << 16) - 1, response: 16 << 10 };
/// Bytes of TLS and of tasks of a connection: records that are received and sent, and the buffers of HTTP/2's frames.
const TRANSPORT_BYTES: u64 = 128 << 10;
/// Maximum number of simultaneous requests on a connection. `classify` has one.
const MAX_STREAMS: u32 = 16;
/// Maximum size of headers. The longest path and a few headers take less than 1 kB.
const MAX_HEADER_BYTES: u32 = 16 << 10;
/// Size of the table with which a peer compresses headers: the minimum that every peer starts with.
const HEADER_TABLE_BYTES: u32 = 4 << 10;
/// Bytes that a client's connection takes.
pub const CONNECTION_BYTES: u64 = CLIENT_BUFFERS.connection_bytes();
/// Bytes that an unverified connection takes.
pub const UNVERIFIED_CONNECTION_BYTES: u64 = BODILESS_BUFFERS.connection_bytes();
/// Requests that a peer may reset before the service has looked at them. More of them, within moments, are an attack ("rapid
/// reset"): the connection ends.
const MAX_UNSEEN_RESETS: usize = MAX_STREAMS as usize;
/// Requests that may break HTTP/2's rules during a connection's life. Data that arrives late, after a refusal, counts too: up to
/// a window of 16 kB frames for each refused upload. hyper's default is 1024.
const MAX_BROKEN_STREAMS: usize = 256;
/// Silence after which the peer is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Time that the peer has to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(20);
/// Time that connections have to end after the service has stopped.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Time that a refused client has to read the reason.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval at which connections are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Pause after an error of the system, such as too many open files.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

impl Buffers {
    /// Returns the bytes that a connection with these buffers takes.
    const fn connection_bytes(self) -> u64 {
        let of_stream = self.response as u64 + MAX_HEADER_BYTES as u64;
        self.window as u64 + MAX_STREAMS as u64 * of_stream + TRANSPORT_BYTES
    }
}

/// Accepts connections until `stop` ends, then waits for running requests.
pub async fn listen(state: Arc<ServerState>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let router = client_router(&state);
    let mut stop = std::pin::pin!(stop);
    let sweeping = tokio::spawn(sweep(state.clone()));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener, &state) => accepted,
            () = &mut stop => break,
        };
        let Some(slot) = state.connections.admit(peer) else {
            refuse_newcomer(&state, &stream, peer);
            continue;
        };
        let connection =
            Connection { state: state.clone(), router: router.clone(), slot, meter: Arc::default() };
        tokio::spawn(connection.serve(stream));
    }
    drop(listener);
    state.connections.close_all(SHUTDOWN_TIMEOUT).await;
    sweeping.abort();
    state.log_limiter.finish();
}

/// Accepts a connection. Errors of the system are logged, and followed by a pause.
pub async fn accept(listener: &TcpListener, state: &ServerState) -> (TcpStream, SocketAddr) {
    loop {
        let error = match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => error,
        };
        state.metrics.accept_errors.inc();
        if state.log_limiter.allows("accept") {
            warn!(error = error.to_string(), "cannot accept a connection");
        }
        // A peer can cause these as often as it likes: they must not delay others.
        let is_of_peer = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted
                | io::ErrorKind::ConnectionRefused
                | io::ErrorKind::ConnectionReset
                | io::ErrorKind::Interrupted
        );
        if !is_of_peer {
            tokio::time::sleep(ACCEPT_PAUSE).await;
        }
    }
}

/// Ends a connection that got no slot. The peer is told by a reset, after which the system keeps nothing of the connection.
fn refuse_newcomer(state: &ServerState, stream: &TcpStream, peer: SocketAddr) {
    let _ = stream.set_zero_linger();
    let reason = CloseReason::NoSlot.label();
    state.metrics.closed_connections.with_label_values(&[reason]).inc();
    if state.log_limiter.allows(reason) {
        warn!(%peer, reason, "a connection was refused: others without a certificate have all slots");
    }
}

/// Closes connections that are idle, old, or of clients whose certificates have ended.
async fn sweep(state: Arc<ServerState>) {
    loop {
        tokio::time::sleep(SWEEP_INTERVAL).await;
        state.log_limiter.summarise();
        let ended = state.connections.sweep(
            |identity| state.access.check_still_valid(identity),
            |keys| state.batches.has_batches_of(keys),
        );
        for certificate in ended {
            let identity = certificate.identity;
            if certificate.is_last {
                identity.all_keys().for_each(|keys| state.batches.delete_of_client(keys));
            }
            let (client, connections) = (&*identity.name, certificate.closed);
            let (reason, batches_deleted) = (certificate.reason.to_string(), certificate.is_last);
            info!(client, key = %identity.keys, connections, batches_deleted, reason, "a certificate ended");
        }
    }
}

struct Connection {
    state: Arc<ServerState>,
    router: Router,
    slot: ConnectionSlot,
    /// Counts received bytes, those of TLS included, once the peer may send requests.
    meter: Arc<OnceLock<Arc<RequestMeter>>>,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let connection = self.slot.connection.clone();
        let meter = self.meter.clone();
        let stream = ObservedStream::new(stream, move |read: &io::Result<usize>| {
            if let (Ok(bytes @ 1..), Some(meter)) = (read, meter.get()) {
                meter.count_received(*bytes);
            }
        });
        let served = self.serve_tls(stream);
        let reason = tokio::select! {
            reason = connection.closed_now() => reason,
            reason = served => reason,
        };
        self.state.metrics.closed_connections.with_label_values(&[reason.label()]).inc();
        if reason == CloseReason::Unverified && self.state.log_limiter.allows(reason.label()) {
            let peer = connection.peer;
            warn!(%peer, "closed for a newcomer: connections without a certificate fill their slots");
        }
    }

    /// Logs that a peer without a verified certificate was refused.
    fn refuse(&self, reason: CloseReason, error: &str) -> CloseReason {
        if self.state.log_limiter.allows(reason.label()) {
            let peer = self.slot.connection.peer;
            warn!(%peer, reason = reason.label(), error, "a connection was refused");
        }
        reason
    }

    async fn serve_tls(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> CloseReason {
        let limit = self.state.limits.handshake;
        let tls = match &self.state.access {
            AccessPolicy::Certificates(tls) => tls,
            AccessPolicy::InsecureLocal => {
                let stream = match self.wait_for_first_byte(stream).await {
                    Ok(stream) => stream,
                    Err(reason) => return reason,
                };
                return match self.slot.promote(&Owner::Local).await {
                    Ok(budget) => {
                        self.serve_http(stream, Caller(None), budget, CLIENT_BUFFERS, self.router.clone())
                            .await
                    }
                    Err(refusal) => self.serve_refusal(stream, Caller(None), refusal).await,
                };
            }
        };
        let acceptor = TlsAcceptor::from(tls.current_configuration());
        // The chain is verified again for the identity, which is work as well.
        let handshake = self.state.handshakes.run(async {
            let stream = acceptor.accept(stream).await?;
            let identity = tls.read_identity(stream.get_ref().1.peer_certificates());
            Ok::<_, io::Error>((stream, identity))
        });
        let (stream, identity) = match timeout(limit, handshake).await {
            Ok(Ok(done)) => done,
            Ok(Err(error)) => return self.refuse(CloseReason::Handshake, &handshake_error(&error)),
            Err(_) => return self.refuse(CloseReason::Slow, "the TLS handshake took too long"),
        };
        let identity = match identity {
            Ok(identity) => identity.map(Arc::new),
            Err(error) => return self.refuse(CloseReason::Certificate, &error.to_string()),
        };
        let Some(identity) = identity else { return self.serve_anonymous(stream).await };
        let caller = Caller(Some(identity.clone()));
        let (peer, client) = (self.slot.connection.peer, caller.name());
        debug!(%peer, client, "connected");
        let promoted = self.slot.promote(&Owner::Client(identity)).await;
        let stream = match self.wait_for_first_byte(stream).await {
            Ok(stream) => stream,
            Err(reason) => return reason,
        };
        match promoted {
            Ok(budget) => self.serve_http(stream, caller, budget, CLIENT_BUFFERS, self.router.clone()).await,
            Err(refusal) => self.serve_refusal(stream, caller, refusal).await,
        }
    }

    /// HTTP/2 pings a peer only after the first bytes, so a peer that sends none is noticed here.
    async fn wait_for_first_byte<S: AsyncRead + Unpin>(
        &self,
        stream: S,
    ) -> Result<BufReader<S>, CloseReason> {
        let mut stream = BufReader::new(stream);
        let first = tokio::select! {
            first = timeout(self.state.limits.handshake, stream.fill_buf()) => first,
            (reason, _) = self.slot.connection.closed_after_requests() => return Err(reason),
        };
        match first {
            Ok(Ok([])) => Err(CloseReason::Peer),
            Ok(Ok(_)) => Ok(stream),
            Ok(Err(_)) => Err(CloseReason::Broken),
            Err(_) => Err(CloseReason::Slow),
        }
    }

    /// Serves a client without a certificate, which must not occupy a connection for long.
    async fn serve_anonymous(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    ) -> CloseReason {
        self.slot.note_anonymous();
        let stream = match self.wait_for_first_byte(stream).await {
            Ok(stream) => stream,
            Err(reason) => return reason,
        };
        let budget = self.state.connections.budget_of_network(self.slot.connection.peer.ip());
        let served = self.serve_http(stream, Caller(None), budget, BODILESS_BUFFERS, self.router.clone());
        timeout(self.state.limits.anonymous_connection, served).await.unwrap_or(CloseReason::Anonymous)
    }

    /// Refuses the first request of a client for whose connection there is no room, and closes the connection.
    async fn serve_refusal(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
        refusal: Refusal,
    ) -> CloseReason {
        let connection = self.slot.connection.clone();
        let router = Router::new().fallback(async move || {
            connection.close(Closing::AfterRequests(CloseReason::Refused, REFUSAL_TIMEOUT));
            refusal
        });
        let budget = self.state.connections.budget_of_network(self.slot.connection.peer.ip());
        let served = self.serve_http(stream, caller, budget, BODILESS_BUFFERS, router);
        timeout(self.state.limits.handshake, served).await.unwrap_or(CloseReason::Refused)
    }

    async fn serve_http(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
        budget: Arc<RequestBudget>,
        buffers: Buffers,
        router: Router,
    ) -> CloseReason {
        let connection: &Arc<OpenConnection> = &self.slot.connection;
        let meter = Arc::new(RequestMeter {
            connection: connection.clone(),
            budget,
            caller: caller.clone(),
            counters: self.state.metrics.requests.clone(),
            log_limiter: self.state.log_limiter.clone(),
        });
        let meter = self.meter.get_or_init(|| meter).clone();
        let router = router
            .layer(Extension(caller))
            .layer(Extension(meter.budget.clone()))
            .layer(middleware::from_fn_with_state(meter, meter_request));
        let http = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(buffers.window)
            .initial_connection_window_size(buffers.window)
            .max_send_buf_size(buffers.response as usize)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(MAX_HEADER_BYTES)
            .header_table_size(HEADER_TABLE_BYTES)
            .max_pending_accept_reset_streams(MAX_UNSEEN_RESETS)
            .max_local_error_reset_streams(MAX_BROKEN_STREAMS)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT)
            .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
        let mut http = std::pin::pin!(http);
        let (reason, limit) = tokio::select! {
            served = &mut http => return if served.is_ok() { CloseReason::Peer } else { CloseReason::Broken },
            closing = connection.closed_after_requests() => closing,
        };
        http.as_mut().graceful_shutdown();
        // Running requests may finish. A peer that takes too long is cut off.
        let _ = timeout(limit, http).await;
        reason
    }
}
