//! One HTTP/2 connection to a provider.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::Reason;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use parking_lot::Mutex;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::address::ProviderAddress;
use super::error::{AttemptError, NO_PLAIN_HTTP2};
use super::upload_body::{SentBytes, UploadBody};
use crate::observed_stream::ObservedStream;
use crate::tls::model_manifest::ModelManifest;
use sottovoce_network::UntrustedText;

/// Maximum duration of opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum time without a transferred byte during a request.
const MAX_SILENCE: Duration = Duration::from_secs(60);
/// Interval at which the progress of a request is looked at.
const OBSERVE_INTERVAL: Duration = Duration::from_millis(100);
/// Time that a broken connection has to report the reason.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(300);
/// Bytes of responses in transit.
const WINDOW: u32 = 4 << 20;
/// Silence after which the provider is pinged.
const PING_INTERVAL: Duration = Duration::from_secs(20);
/// Default maximum length of a response in bytes, which is enough for every text.
const MAX_TEXT_BYTES: u64 = 1 << 20;

/// A request.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    method: Method,
    path: String,
    body: Bytes,
    max_response_bytes: u64,
}

impl HttpRequest {
    /// Returns a request without a body.
    pub fn new(method: Method, path: String) -> Self {
        Self { method, path, body: Bytes::new(), max_response_bytes: MAX_TEXT_BYTES }
    }

    /// Sets the body.
    pub fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// Sets the maximum length of the response in bytes. An error text may always be as long as the default.
    pub fn with_max_response(self, bytes: u64) -> Self {
        Self { max_response_bytes: bytes.max(MAX_TEXT_BYTES), ..self }
    }
}

/// A complete response.
#[derive(Debug)]
pub struct HttpResponse {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A connection, and the task that drives it.
pub struct Connection {
    sender: http2::SendRequest<UploadBody>,
    driver: JoinHandle<Result<(), hyper::Error>>,
    /// The error with which TLS ended the connection, if any. HTTP/2 keeps only its text.
    tls_error: Arc<Mutex<Option<rustls::Error>>>,
    manifest: Option<ModelManifest>,
    /// A request on this connection was answered.
    has_answered: bool,
}

impl Connection {
    /// Opens a connection, with TLS if there is a configuration for it.
    pub async fn open(
        address: &ProviderAddress,
        tls: Option<&Arc<ClientConfig>>,
    ) -> Result<Self, AttemptError> {
        let opened = timeout(CONNECT_TIMEOUT, async {
            let stream = TcpStream::connect((address.host(), address.port())).await;
            let stream = stream.map_err(|error| AttemptError::from_error(&error))?;
            let _ = stream.set_nodelay(true);
            let Some(tls) = tls else { return Self::handshake(stream, None).await };
            let name = ServerName::try_from(address.host().to_owned());
            let name = name.map_err(|error| AttemptError::Certificate(error.to_string().into()))?;
            let stream = TlsConnector::from(tls.clone()).connect(name, stream).await;
            let stream = stream.map_err(|error| AttemptError::from_error(&error))?;
            let certificates = stream.get_ref().1.peer_certificates();
            let certificate =
                certificates.and_then(<[_]>::first).map_or(&[][..], |certificate| &certificate[..]);
            let manifest = ModelManifest::from_der(certificate).map_err(AttemptError::Manifest)?;
            Self::handshake(stream, Some(manifest)).await
        });
        opened
            .await
            .unwrap_or_else(|_| Err(AttemptError::connection("the connection took too long to be made")))
    }

    async fn handshake(
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        manifest: Option<ModelManifest>,
    ) -> Result<Self, AttemptError> {
        let tls_error = Arc::new(Mutex::new(None));
        let noted = tls_error.clone();
        let stream = ObservedStream::new(stream, move |read: &io::Result<usize>| {
            let error = read.as_ref().err().and_then(io::Error::get_ref);
            if let Some(error) = error.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                *noted.lock() = Some(error.clone());
            }
        });
        let made = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .handshake(TokioIo::new(stream))
            .await;
        let (sender, connection) = made.map_err(|error| AttemptError::from_error(&error))?;
        Ok(Self { sender, driver: tokio::spawn(connection), tls_error, manifest, has_answered: false })
    }

    /// Returns the models that the provider's certificate lists. Without TLS there is no certificate.
    pub fn manifest(&self) -> Option<&ModelManifest> {
        self.manifest.as_ref()
    }

    /// Returns whether another request can be sent.
    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the response. Calls `observe` with the number of bytes that were sent so far.
    pub async fn exchange(
        &mut self,
        request: HttpRequest,
        observe: &(dyn Fn(u64) + Sync),
    ) -> Result<HttpResponse, AttemptError> {
        let HttpRequest { method, path, body, max_response_bytes } = request;
        let sent = Arc::new(SentBytes::default());
        let request = Request::builder()
            .method(method)
            .uri(format!("http://provider{path}"))
            .body(UploadBody::new(body, &sent))
            .map_err(|error| AttemptError::InvalidResponse(error.to_string().into()))?;
        let sender = &mut self.sender;
        let received = AtomicU64::new(0);
        let response = async {
            sender.ready().await.map_err(|error| AttemptError::from_error(&error))?;
            let response =
                sender.send_request(request).await.map_err(|error| AttemptError::from_error(&error))?;
            let (parts, body) = response.into_parts();
            let mut body = Limited::new(body, max_response_bytes.try_into().unwrap_or(usize::MAX));
            let mut bytes = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame =
                    frame.map_err(|error| match error.downcast::<http_body_util::LengthLimitError>() {
                        Ok(_) => AttemptError::InvalidResponse(
                            format!("the response is longer than {max_response_bytes} bytes").into(),
                        ),
                        Err(error) => AttemptError::from_error(&*error),
                    })?;
                let piece = frame.into_data().unwrap_or_default();
                received.fetch_add(piece.len() as u64, Ordering::Relaxed);
                bytes.extend_from_slice(&piece);
            }
            Ok(HttpResponse { status: parts.status, headers: parts.headers, body: bytes.freeze() })
        };
        let result = wait_while_progressing(response, &sent, &received, observe).await;
        self.has_answered |= result.is_ok();
        match result {
            // The driver of the connection knows why it broke.
            Err(AttemptError::Connection(text)) => Err(self.close_reason(text).await),
            other => other,
        }
    }

    /// Returns the reason for which the connection broke. A provider that refuses a client's certificate says so after the
    /// client's handshake has ended.
    async fn close_reason(&mut self, text: UntrustedText) -> AttemptError {
        let ended = timeout(CLOSE_TIMEOUT, &mut self.driver).await;
        let refusal = self.tls_error.lock().as_ref().and_then(AttemptError::from_tls);
        let reason = refusal.unwrap_or_else(|| match ended {
            Ok(Ok(Err(error))) if self.manifest.is_none() && breaks_http2(&error) => {
                AttemptError::OtherProtocol(UntrustedText::new(NO_PLAIN_HTTP2))
            }
            Ok(Ok(Err(error))) => AttemptError::from_error(&error),
            _ => AttemptError::Connection(text.clone()),
        });
        match reason {
            // The other side has spoken the right protocol before: the connection is damaged.
            AttemptError::OtherProtocol(_) if self.has_answered => AttemptError::Connection(text),
            reason => reason,
        }
    }
}

/// Returns whether a connection ended because what arrived was not HTTP/2.
fn breaks_http2(error: &hyper::Error) -> bool {
    let found = error.source().and_then(|source| source.downcast_ref::<h2::Error>());
    found.is_some_and(|error| {
        let is_violation = matches!(error.reason(), Some(Reason::FRAME_SIZE_ERROR | Reason::PROTOCOL_ERROR));
        error.is_library() && is_violation
    })
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Waits for a response as long as bytes are transferred.
async fn wait_while_progressing(
    response: impl Future<Output = Result<HttpResponse, AttemptError>>,
    sent: &SentBytes,
    received: &AtomicU64,
    observe: &(dyn Fn(u64) + Sync),
) -> Result<HttpResponse, AttemptError> {
    let transferred = || sent.get() + received.load(Ordering::Relaxed);
    let mut response = std::pin::pin!(response);
    let (mut before, mut since) = (0, Instant::now());
    loop {
        match timeout(OBSERVE_INTERVAL, &mut response).await {
            Ok(result) => {
                observe(sent.get());
                return result;
            }
            Err(_) if transferred() != before => {
                before = transferred();
                since = Instant::now();
                observe(sent.get());
            }
            Err(_) if since.elapsed() >= MAX_SILENCE => {
                return Err(AttemptError::connection(&format!(
                    "no bytes were transferred for {} s",
                    MAX_SILENCE.as_secs()
                )));
            }
            Err(_) => {}
        }
    }
}
