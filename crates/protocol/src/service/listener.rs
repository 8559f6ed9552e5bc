//! Connections: TLS, HTTP/2, and how they end.

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

use super::Service;
use super::door::{Caller, Door};
use super::routes::routes;
use crate::tls::ServerTls;

/// What a request may have on its way: enough for one machine's loopback, little beside a batch.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 4 << 20;
/// Requests at a time on a connection.
const STREAMS: u32 = 16;
/// A whole fingerprint path and a few headers are below 1 kB.
const HEADER_BYTES: u32 = 16 << 10;
/// A peer that is silent for the one is asked, and has the other to answer.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_ANSWER: Duration = Duration::from_secs(20);
/// How long connections have to end once the service has.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Takes connections until `stop` ends, then lets requests that are under way end.
pub async fn listen(service: Arc<Service>, listener: TcpListener, stop: impl Future<Output = ()>) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(service.limits.connections));
    let router = routes(&service);
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = async {
            // Without a place, connections wait in the system's queue.
            let place = places.clone().acquire_owned().await.ok();
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stop => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let connection = Connection { service: service.clone(), router: router.clone(), peer, place };
                tokio::spawn(connection.serve(stream, graceful.watcher()));
            }
            Err(error) => {
                // Too many open files, most likely: they will be fewer.
                warn!(%error, "cannot take a connection");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    let _ = timeout(LAST_WORDS, graceful.shutdown()).await;
}

struct Connection {
    service: Arc<Service>,
    router: Router,
    peer: SocketAddr,
    place: Option<OwnedSemaphorePermit>,
}

impl Connection {
    async fn serve(self, stream: TcpStream, watcher: Watcher) {
        let _ = stream.set_nodelay(true);
        let peer = self.peer;
        let tls = match &self.service.door {
            Door::InsecureLocal => return self.speak(stream, Caller(None), watcher).await,
            Door::Certificates(tls) => tls,
        };
        let acceptor = TlsAcceptor::from(tls.configuration());
        let stream = match timeout(self.service.limits.handshake, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return warn!(%peer, %error, "TLS was refused"),
            Err(_) => return warn!(%peer, "TLS took too long"),
        };
        match ServerTls::identity(stream.get_ref().1.peer_certificates()) {
            Ok(identity) => {
                let caller = Caller(identity.map(Arc::new));
                debug!(%peer, client = caller.name(), "connected");
                let most = self.service.limits.stranger;
                let known = caller.0.is_some();
                let spoken = self.speak(stream, caller, watcher);
                // Whoever has no certificate must not hold a place for long.
                match known {
                    true => spoken.await,
                    false => timeout(most, spoken).await.unwrap_or(()),
                }
            }
            Err(error) => warn!(%peer, %error, "a certificate was refused"),
        }
    }

    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        caller: Caller,
        watcher: Watcher,
    ) {
        let Self { service, router, peer, place } = self;
        let _counted = Counted::new(&service.metrics.connections);
        // A peer that never says anything, or is gone: HTTP/2 asks after it only once it has begun.
        let mut stream = BufReader::new(stream);
        if !matches!(timeout(service.limits.handshake, stream.fill_buf()).await, Ok(Ok(_))) {
            return debug!(%peer, "a connection said nothing");
        }
        let handler = TowerToHyperService::new(router.layer(Extension(caller)));
        let connection = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEADER_BYTES)
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_ANSWER)
            .serve_connection(TokioIo::new(stream), handler);
        if let Err(error) = watcher.watch(connection).await {
            debug!(%peer, %error, "a connection broke");
        }
        drop(place);
    }
}

/// A connection in the gauge, however it ends.
struct Counted<'a>(&'a IntGauge);

impl<'a> Counted<'a> {
    fn new(gauge: &'a IntGauge) -> Self {
        gauge.inc();
        Self(gauge)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
