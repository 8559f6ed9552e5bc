//! An HTTP/2 client that can break the rules.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;

/// A body that may be incomplete.
pub enum Upload {
    /// The whole body with `Content-Length`.
    Whole(Bytes),
    /// The whole body without `Content-Length`.
    Unannounced(Bytes),
    /// A part of the body, and then nothing.
    Stalls(Bytes),
    /// A part of the body, and then the end of the connection.
    Breaks(Bytes),
}

impl Body for Upload {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let (Self::Whole(rest) | Self::Unannounced(rest) | Self::Stalls(rest) | Self::Breaks(rest)) =
            &mut *self;
        if !rest.is_empty() {
            let length = rest.len().min(16 << 10);
            return Poll::Ready(Some(Ok(Frame::data(rest.split_to(length)))));
        }
        match *self {
            Self::Whole(_) | Self::Unannounced(_) => Poll::Ready(None),
            Self::Stalls(_) => Poll::Pending,
            Self::Breaks(_) => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(rest) => hyper::body::SizeHint::with_exact(rest.len() as u64),
            _ => hyper::body::SizeHint::default(),
        }
    }
}

pub struct Answered {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Answered {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection to the server.
pub struct Http {
    sender: http2::SendRequest<Upload>,
}

impl Http {
    pub async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let made =
            http2::Builder::new(TokioExecutor::new()).handshake::<_, Upload>(TokioIo::new(stream)).await;
        let (sender, connection) = made.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a request. Returns the response, or `None` if the exchange broke.
    pub async fn send(&mut self, method: Method, path: &str, body: Upload) -> Option<Answered> {
        let uri = format!("http://provider{path}");
        let request = Request::builder().method(method).uri(uri).body(body).unwrap();
        self.sender.ready().await.ok()?;
        let response = self.sender.send_request(request).await.ok()?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.ok()?.to_bytes();
        Some(Answered { status: parts.status, headers: parts.headers, body })
    }

    pub async fn put(&mut self, path: &str, body: impl Into<Bytes>) -> Answered {
        self.send(Method::PUT, path, Upload::Whole(body.into())).await.expect("a response")
    }

    pub async fn get(&mut self, path: &str) -> Answered {
        self.send(Method::GET, path, Upload::Whole(Bytes::new())).await.expect("a response")
    }

    pub async fn delete(&mut self, path: &str) -> Answered {
        self.send(Method::DELETE, path, Upload::Whole(Bytes::new())).await.expect("a response")
    }
}
