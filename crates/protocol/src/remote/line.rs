//! One connection to a provider.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use super::ProviderAddress;
use super::body::{Pieces, Sent};
use super::error::Failure;
use super::watched::{TlsEnd, Watched};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(10);
/// How long nothing may happen while a request is under way.
const SILENCE: Duration = Duration::from_secs(60);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How long a broken connection has to say why.
const LAST_WORDS: Duration = Duration::from_millis(300);
const WINDOW: u32 = 4 << 20;
const PING_EVERY: Duration = Duration::from_secs(20);

/// A request.
#[derive(Debug, Clone)]
pub struct Call {
    pub method: Method,
    pub path: String,
    pub body: Bytes,
    /// The longest response that is read.
    pub most: u64,
}

/// A response, whole.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// A connection, and the task that drives it.
pub struct Line {
    sender: http2::SendRequest<Pieces>,
    driver: JoinHandle<Result<(), hyper::Error>>,
    end: TlsEnd,
}

impl Line {
    pub async fn open(address: &ProviderAddress, tls: Option<&Arc<ClientConfig>>) -> Result<Self, Failure> {
        let opened = timeout(CONNECT, async {
            let stream = TcpStream::connect((address.host(), address.port())).await;
            let stream = stream.map_err(|error| Failure::of(&error))?;
            let _ = stream.set_nodelay(true);
            let Some(tls) = tls else { return Self::over(stream).await };
            let name = ServerName::try_from(address.host().to_owned());
            let name = name.map_err(|error| Failure::Certificate(error.to_string()))?;
            let stream = TlsConnector::from(tls.clone()).connect(name, stream).await;
            Self::over(stream.map_err(|error| Failure::of(&error))?).await
        });
        opened
            .await
            .unwrap_or_else(|_| Err(Failure::Line("the connection took too long to be made".to_owned())))
    }

    async fn over(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<Self, Failure> {
        let end = TlsEnd::default();
        let made = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .keep_alive_interval(PING_EVERY)
            .handshake(TokioIo::new(Watched::new(stream, &end)))
            .await;
        let (sender, connection) = made.map_err(|error| Failure::of(&error))?;
        Ok(Self { sender, driver: tokio::spawn(connection), end })
    }

    pub fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }

    /// Sends a request and waits for the response; `watch` is told of the bytes that were sent so far.
    pub async fn exchange(&mut self, call: Call, watch: &(dyn Fn(u64) + Sync)) -> Result<Reply, Failure> {
        let sent = Arc::new(Sent::default());
        let request = Request::builder()
            .method(call.method)
            .uri(format!("http://provider{}", call.path))
            .body(Pieces::new(call.body, &sent))
            .map_err(|error| Failure::Nonsense(error.to_string()))?;
        let sender = &mut self.sender;
        let most = call.most;
        let received = AtomicU64::new(0);
        let response = async {
            sender.ready().await.map_err(|error| Failure::of(&error))?;
            let response = sender.send_request(request).await.map_err(|error| Failure::of(&error))?;
            let (parts, body) = response.into_parts();
            let mut body = Limited::new(body, most.try_into().unwrap_or(usize::MAX));
            let mut bytes = BytesMut::new();
            while let Some(frame) = body.frame().await {
                let frame =
                    frame.map_err(|error| match error.downcast::<http_body_util::LengthLimitError>() {
                        Ok(_) => Failure::Nonsense(format!("the response is longer than {most} bytes")),
                        Err(error) => Failure::of(&*error),
                    })?;
                let piece = frame.into_data().unwrap_or_default();
                received.fetch_add(piece.len() as u64, Ordering::Relaxed);
                bytes.extend_from_slice(&piece);
            }
            Ok(Reply { status: parts.status, headers: parts.headers, body: bytes.freeze() })
        };
        let result = attentively(response, &sent, &received, watch).await;
        match result {
            // What the line broke of is known to its driver.
            Err(Failure::Line(text)) => Err(self.last_words(text).await),
            other => other,
        }
    }

    /// A provider that does not accept a client's certificate says so after the client's handshake has ended.
    async fn last_words(&mut self, text: String) -> Failure {
        let ended = timeout(LAST_WORDS, &mut self.driver).await;
        let refusal = self.end.error().and_then(|error| Failure::of_tls(&error));
        refusal.unwrap_or_else(|| match ended {
            Ok(Ok(Err(error))) => Failure::of(&error),
            _ => Failure::Line(text),
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Waits for the response as long as something happens.
async fn attentively(
    response: impl Future<Output = Result<Reply, Failure>>,
    sent: &Sent,
    received: &AtomicU64,
    watch: &(dyn Fn(u64) + Sync),
) -> Result<Reply, Failure> {
    let moved = || sent.bytes() + received.load(Ordering::Relaxed);
    let mut response = std::pin::pin!(response);
    let (mut before, mut since) = (0, Instant::now());
    loop {
        match timeout(LOOK_EVERY, &mut response).await {
            Ok(result) => {
                watch(sent.bytes());
                return result;
            }
            Err(_) if moved() != before => {
                before = moved();
                since = Instant::now();
                watch(sent.bytes());
            }
            Err(_) if since.elapsed() >= SILENCE => {
                return Err(Failure::Line(format!("nothing happened for {} s", SILENCE.as_secs())));
            }
            Err(_) => {}
        }
    }
}
