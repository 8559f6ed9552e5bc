//! Connections to health and metrics: HTTP/1.1 without TLS, one request each, within narrow limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::connections::{ConnectionLimits, ConnectionSlot, Connections};
use super::limits::Limits;
use super::listener::accept;
use super::routes::metrics_router;
use super::state::ServerState;

/// Time that a peer has to send its request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum duration of a connection.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a request: the smallest buffer that `hyper` allows.
const MAX_REQUEST_BYTES: usize = 8 << 10;

/// Serves health and metrics for ever. Newcomers get slots as connections without a certificate do.
pub async fn listen_for_metrics(state: Arc<ServerState>, listener: TcpListener) {
    let limits =
        ConnectionLimits { unverified: Limits::METRICS_CONNECTIONS, ..state.limits.of_connections() };
    let connections = Arc::new(Connections::new(limits));
    let router = metrics_router(&state);
    loop {
        let (stream, peer): (TcpStream, SocketAddr) = accept(&listener, &state).await;
        let Some(slot) = connections.admit(peer) else { continue };
        tokio::spawn(serve(slot, stream, router.clone()));
    }
}

async fn serve(slot: ConnectionSlot, stream: TcpStream, router: Router) {
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(MAX_REQUEST_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::select! {
        _ = slot.connection.closed_now() => {}
        _ = timeout(CONNECTION_TIMEOUT, http) => {}
    }
}
