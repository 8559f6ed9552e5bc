//! An HTTP/2 client without TLS that resets requests and sends bodies at any pace.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::Method;
use sottovoce_siege::{Failure, Response, Session, Target, receive_within};
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Longest time for a response. Uploads are slow.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(600);

/// A response's status and body.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub text: String,
    pub bytes: Bytes,
}

impl From<Response> for RawResponse {
    fn from(Response { status, body }: Response) -> Self {
        let text = String::from_utf8_lossy(&body).into_owned();
        Self { status: status.as_u16(), text, bytes: body }
    }
}

/// The pace of a body.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    pub piece_bytes: usize,
    pub pause: Duration,
}

/// As fast as the provider reads.
const QUICK: Pace = Pace { piece_bytes: 64 << 10, pause: Duration::ZERO };

/// A body that is being sent.
pub struct RawUpload {
    response: JoinHandle<Option<RawResponse>>,
    resumed: Arc<Notify>,
}

/// Bytes of a response that [`RawClient::connect_with_small_window`] takes before it has read them.
pub const WINDOW_BYTES: usize = 16 << 10;

/// A response of which the body is not read yet.
pub struct RawDownload {
    body: RecvStream,
}

/// One connection.
pub struct RawClient {
    runtime: Runtime,
    session: Session,
    target: Target,
    window: u32,
}

impl RawClient {
    pub fn connect(address: &str) -> Self {
        Self::with_window(address, 1 << 20)
    }

    /// Connects as a client that takes [`WINDOW_BYTES`] of each response, and more only when it has read them.
    pub fn connect_with_small_window(address: &str) -> Self {
        Self::with_window(address, WINDOW_BYTES as u32)
    }

    fn with_window(address: &str, window: u32) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let target = Target::new(address.parse().unwrap(), None).unwrap();
        let session = runtime.block_on(Session::open_with_window(&target, window)).unwrap();
        Self { runtime, session, target, window }
    }

    /// Starts a request. Connects again if the provider has ended the connection.
    fn start(
        &mut self,
        method: &Method,
        path: &str,
        length: Option<u64>,
        has_body: bool,
    ) -> Result<(ResponseFuture, SendStream<Bytes>), Failure> {
        self.runtime.block_on(async {
            let started = self.session.start(method.clone(), path, length, has_body).await;
            if started.is_ok() {
                return started;
            }
            self.session = Session::open_with_window(&self.target, self.window).await?;
            self.session.start(method.clone(), path, length, has_body).await
        })
    }

    /// Sends a request without a body and waits for the response.
    pub fn send(&mut self, method: Method, path: &str) -> RawResponse {
        let (response, _) = self.start(&method, path, None, false).unwrap();
        self.runtime.block_on(receive_within(response, RESPONSE_TIMEOUT)).unwrap().into()
    }

    /// Asks for a response and does not read it.
    pub fn download(&mut self, path: &str) -> RawDownload {
        let (response, _) = self.start(&Method::GET, path, None, false).unwrap();
        let response = self.runtime.block_on(response).unwrap();
        assert_eq!(response.status(), 200);
        RawDownload { body: response.into_body() }
    }

    /// Reads a response, with a pause after each of its pieces.
    pub fn read_slowly(&self, mut download: RawDownload, pause: Duration) -> Result<Vec<u8>, h2::Error> {
        self.runtime.block_on(async {
            let mut bytes = Vec::new();
            while let Some(piece) = download.body.data().await {
                let piece = piece?;
                tokio::time::sleep(pause).await;
                download.body.flow_control().release_capacity(piece.len())?;
                bytes.extend_from_slice(&piece);
            }
            Ok(bytes)
        })
    }

    /// Sends requests, each with the beginning of a body or without a body, and resets each one when it has arrived.
    pub fn reset(&mut self, requests: impl IntoIterator<Item = (Method, String)>, body: &Bytes) {
        for (method, path) in requests {
            let is_whole = body.is_empty();
            let Ok((response, mut stream)) = self.start(&method, &path, None, !is_whole) else {
                continue;
            };
            if !is_whole {
                let _ = stream.send_data(body.clone(), false);
            }
            // The provider may have ended the connection. A request that is reset before the provider has accepted it is
            // dropped by the provider's HTTP/2 library.
            std::thread::sleep(Duration::from_micros(300));
            drop((response, stream));
        }
    }

    /// Sends a body and waits for the response.
    pub fn put(&mut self, path: &str, body: Bytes) -> RawResponse {
        let upload = self.upload(path, body, QUICK);
        self.finish(upload)
    }

    /// Sends a body piece by piece.
    pub fn upload(&mut self, path: &str, body: Bytes, pace: Pace) -> RawUpload {
        let all = body.len();
        self.send_body(path, body, all, pace)
    }

    /// Sends the first bytes of a body, and the rest when the upload is resumed.
    pub fn begin_upload(&mut self, path: &str, body: Bytes, first: usize) -> RawUpload {
        self.send_body(path, body, first, QUICK)
    }

    fn send_body(&mut self, path: &str, body: Bytes, first: usize, pace: Pace) -> RawUpload {
        let (response, mut stream) = self.start(&Method::PUT, path, Some(body.len() as u64), true).unwrap();
        let resumed = Arc::new(Notify::new());
        let is_resumed = resumed.clone();
        let response = self.runtime.spawn(async move {
            let mut rest = body;
            let first = rest.split_to(first);
            let sending = async {
                if send_pieces(&mut stream, first, pace, rest.is_empty()).await && !rest.is_empty() {
                    is_resumed.notified().await;
                    send_pieces(&mut stream, rest, pace, true).await;
                }
                // If the provider has ended the stream, the response says why.
                std::future::pending::<()>().await
            };
            tokio::select! {
                response = receive_within(response, RESPONSE_TIMEOUT) => response.ok().map(RawResponse::from),
                () = sending => None,
            }
        });
        RawUpload { response, resumed }
    }

    /// Waits for the response to an upload.
    pub fn finish(&self, upload: RawUpload) -> RawResponse {
        let response = self.runtime.block_on(upload.response).unwrap();
        response.expect("the connection ended without a response")
    }
}

impl RawUpload {
    /// Lets the rest of the body be sent.
    pub fn resume(&self) {
        self.resumed.notify_one();
    }

    /// Returns whether the provider has answered, or has ended the connection.
    pub fn is_finished(&self) -> bool {
        self.response.is_finished()
    }
}

/// Sends a part of a body. Returns whether the provider has left the stream open.
async fn send_pieces(stream: &mut SendStream<Bytes>, mut part: Bytes, pace: Pace, is_last: bool) -> bool {
    while !part.is_empty() {
        let piece = part.split_to(part.len().min(pace.piece_bytes));
        if stream.send_data(piece, is_last && part.is_empty()).is_err() {
            return false;
        }
        tokio::time::sleep(pace.pause).await;
    }
    true
}
