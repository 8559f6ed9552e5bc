//! The body of an upload, which counts the bytes that it has handed to the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Size of the pieces that are handed to the connection.
const PIECE_BYTES: usize = 64 << 10;

/// Number of bytes that were handed to the connection.
#[derive(Debug, Default)]
pub struct SentBytes(AtomicU64);

impl SentBytes {
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A message as the body of a request, in pieces.
pub struct UploadBody {
    rest: Bytes,
    sent: Arc<SentBytes>,
}

impl UploadBody {
    pub fn new(message: Bytes, sent: &Arc<SentBytes>) -> Self {
        Self { rest: message, sent: sent.clone() }
    }
}

impl Body for UploadBody {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PIECE_BYTES);
        let piece = self.rest.split_to(length);
        self.sent.0.fetch_add(length as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
