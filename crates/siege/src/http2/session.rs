//! A connection that keeps to the rules of HTTP/2, and how it ends.

use std::error::Error;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use h2::SendStream;
use h2::client::{ResponseFuture, SendRequest};
use http::header::CONTENT_LENGTH;
use http::{Method, Request, StatusCode};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::target::Target;

/// Longest time for a response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes of a response that a client takes before it has read them.
const WINDOW_BYTES: u32 = 1 << 20;

/// A connection with the `h2` library.
pub struct Session {
    sender: SendRequest<Bytes>,
    driver: JoinHandle<Result<(), h2::Error>>,
}

/// Reason of a failure, in a few words, so that equal ones are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self(describe_io(&error))
    }
}

impl From<h2::Error> for Failure {
    fn from(error: h2::Error) -> Self {
        Self(match (error.reason(), error.get_io()) {
            (_, Some(error)) => describe_io(error),
            (Some(reason), None) if error.is_go_away() => format!("GOAWAY {}", reason_name(reason)),
            (Some(reason), None) if error.is_reset() => format!("stream reset {}", reason_name(reason)),
            _ => format!("HTTP/2: {error}"),
        })
    }
}

/// Returns the standard's name of an error code.
pub fn reason_name(reason: h2::Reason) -> String {
    format!("{reason:?}")
}

/// Describes an error of a connection, without addresses and times.
pub fn describe_io(error: &io::Error) -> String {
    let mut cause: Option<&(dyn Error + 'static)> = error.get_ref().map(|inner| inner as _);
    while let Some(inner) = cause {
        if let Some(rustls::Error::AlertReceived(alert)) = inner.downcast_ref() {
            return format!("TLS alert {alert:?}");
        }
        cause = inner.source();
    }
    // HTTP/2 keeps only the text of an alert.
    let text = error.to_string();
    if let Some(alert) = text.strip_prefix("received fatal alert: ") {
        return format!("TLS alert {alert}");
    }
    match error.kind() {
        io::ErrorKind::TimedOut => "took too long".to_owned(),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionAborted => "connection closed".to_owned(),
        kind => format!("connection: {kind:?}"),
    }
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    /// Status.
    pub status: StatusCode,
    /// Body.
    pub body: Bytes,
}

impl Session {
    /// Opens a connection and starts HTTP/2.
    ///
    /// # Errors
    /// If the provider does not accept the connection.
    pub async fn open(target: &Target) -> Result<Self, Failure> {
        Self::open_with_window(target, WINDOW_BYTES).await
    }

    /// Opens a connection of a client that takes so many bytes of a response before it has read them.
    ///
    /// # Errors
    /// If the provider does not accept the connection.
    pub async fn open_with_window(target: &Target, window: u32) -> Result<Self, Failure> {
        let stream = target.open().await?;
        let (sender, connection) = h2::client::Builder::new()
            .initial_window_size(window)
            .initial_connection_window_size(4 << 20)
            .handshake::<_, Bytes>(stream)
            .await?;
        Ok(Self { sender, driver: tokio::spawn(connection) })
    }

    /// Starts a request. The body, if any, is sent by the caller.
    ///
    /// # Errors
    /// If the connection has ended, or takes no more requests for long.
    pub async fn start(
        &mut self,
        method: Method,
        path: &str,
        length: Option<u64>,
        has_body: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), Failure> {
        let mut request = Request::builder().method(method).uri(format!("https://provider{path}"));
        if let Some(length) = length {
            request = request.header(CONTENT_LENGTH, length);
        }
        let request = request.body(()).map_err(|error| Failure(format!("request: {error}")))?;
        let ready = timeout(RESPONSE_TIMEOUT, self.sender.clone().ready()).await;
        let mut sender = ready.map_err(|_| Failure("took too long".to_owned()))??;
        Ok(sender.send_request(request, !has_body)?)
    }

    /// Sends a request without a body, and waits for the response.
    ///
    /// # Errors
    /// If there is no complete response.
    pub async fn send(&mut self, method: Method, path: &str) -> Result<Response, Failure> {
        let (response, _) = self.start(method, path, None, false).await?;
        receive(response).await
    }

    /// Sends a request with a body, and waits for the response.
    ///
    /// # Errors
    /// If there is no complete response.
    pub async fn send_body(&mut self, method: Method, path: &str, body: Bytes) -> Result<Response, Failure> {
        let (response, stream) = self.start(method, path, Some(body.len() as u64), true).await?;
        send_with_body(response, stream, body).await
    }

    /// Waits until the provider closes the connection. Returns the reason.
    pub async fn closed(&mut self) -> Failure {
        match (&mut self.driver).await {
            Ok(Ok(())) => Failure("connection closed".to_owned()),
            Ok(Err(error)) => error.into(),
            Err(_) => Failure("the connection's task ended".to_owned()),
        }
    }

    /// Returns whether the connection is closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// Sends a body as flow control allows while it waits for the response.
pub async fn send_with_body(
    response: ResponseFuture,
    mut stream: SendStream<Bytes>,
    body: Bytes,
) -> Result<Response, Failure> {
    let sending = async {
        let mut rest = body;
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len().min(64 << 10));
            let capacity = std::future::poll_fn(|context| stream.poll_capacity(context)).await;
            // The provider answered early or ended the stream; the response says why.
            let Some(Ok(capacity)) = capacity else { return };
            let piece = rest.split_to(capacity.min(rest.len()));
            if stream.send_data(piece, false).is_err() {
                return;
            }
        }
        let _ = stream.send_data(Bytes::new(), true);
    };
    let mut receiving = std::pin::pin!(receive(response));
    tokio::select! {
        biased;
        received = &mut receiving => return received,
        () = sending => {}
    }
    receiving.await
}

/// Waits for a response and its body.
pub async fn receive(response: ResponseFuture) -> Result<Response, Failure> {
    receive_within(response, RESPONSE_TIMEOUT).await
}

/// Waits for a response and its body, at most for `limit`.
///
/// # Errors
/// If there is no complete response within this time.
pub async fn receive_within(response: ResponseFuture, limit: Duration) -> Result<Response, Failure> {
    let received = async {
        let (parts, mut body) = response.await?.into_parts();
        let mut bytes = Vec::new();
        while let Some(piece) = body.data().await {
            let piece = piece?;
            let _ = body.flow_control().release_capacity(piece.len());
            bytes.extend_from_slice(&piece);
        }
        Ok(Response { status: parts.status, body: bytes.into() })
    };
    timeout(limit, received).await.unwrap_or_else(|_| Err(Failure("took too long".to_owned())))
}
