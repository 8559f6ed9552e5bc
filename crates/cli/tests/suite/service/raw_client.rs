//! An HTTP/2 client without TLS that resets requests and sends bodies at any pace.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{Method, Request};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// A response's status and body.
#[derive(Debug)]
pub struct RawResponse {
    pub status: u16,
    pub text: String,
    pub bytes: Bytes,
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
    sender: SendRequest<Bytes>,
    address: String,
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
        let sender = runtime.block_on(open(address, window));
        Self { runtime, sender, address: address.to_owned(), window }
    }

    /// Connects again if the provider has ended the connection.
    fn ready(&mut self) -> SendRequest<Bytes> {
        let (sender, address, window) = (self.sender.clone(), &self.address, self.window);
        self.sender = self.runtime.block_on(async {
            match sender.ready().await {
                Ok(sender) => sender,
                Err(_) => open(address, window).await,
            }
        });
        self.sender.clone()
    }

    /// Sends a request without a body and waits for the response.
    pub fn send(&mut self, method: Method, path: &str) -> RawResponse {
        let mut sender = self.ready();
        self.runtime.block_on(async {
            let (response, _) = sender.send_request(request(method, path), true).unwrap();
            read(response).await.unwrap()
        })
    }

    /// Asks for a response and does not read it.
    pub fn download(&mut self, path: &str) -> RawDownload {
        let mut sender = self.ready();
        self.runtime.block_on(async {
            let (response, _) = sender.send_request(request(Method::GET, path), true).unwrap();
            let response = response.await.unwrap();
            assert_eq!(response.status(), 200);
            RawDownload { body: response.into_body() }
        })
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
            let mut sender = self.ready();
            let is_whole = body.is_empty();
            let Ok((response, mut stream)) = sender.send_request(request(method, &path), is_whole) else {
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
        let mut sender = self.ready();
        let mut request = request(Method::PUT, path);
        request.headers_mut().insert(http::header::CONTENT_LENGTH, body.len().into());
        let resumed = Arc::new(Notify::new());
        let is_resumed = resumed.clone();
        let response = self.runtime.spawn(async move {
            let (response, mut stream) = sender.send_request(request, false).ok()?;
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
                response = read(response) => response,
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

async fn open(address: &str, window: u32) -> SendRequest<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (sender, connection) =
        h2::client::Builder::new().initial_window_size(window).handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
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

fn request(method: Method, path: &str) -> Request<()> {
    Request::builder().method(method).uri(format!("http://provider{path}")).body(()).unwrap()
}

async fn read(response: ResponseFuture) -> Option<RawResponse> {
    let (parts, mut body) = response.await.ok()?.into_parts();
    let mut bytes = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.ok()?;
        body.flow_control().release_capacity(piece.len()).ok()?;
        bytes.extend_from_slice(&piece);
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Some(RawResponse { status: parts.status.as_u16(), text, bytes: bytes.into() })
}
