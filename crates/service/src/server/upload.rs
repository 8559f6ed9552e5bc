//! The bodies of requests, with time limits: collected in memory, or as a reader for a blocking thread.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use prometheus::IntCounter;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::{Instant, timeout_at};

use super::upload_progress::UploadProgress;

/// Number of pieces of a body that wait to be read.
const MAX_WAITING_PIECES: usize = 16;

/// Bytes of these pieces, each of which is a frame of HTTP/2.
pub const WAITING_BYTES: u64 = MAX_WAITING_PIECES as u64 * (16 << 10);

/// A body cannot be read.
#[derive(Debug)]
pub enum BodyError {
    /// Nothing arrived in time. No thread was occupied.
    Transfer(io::Error),
    /// The thread that reads the body failed.
    Thread(JoinError),
}

/// A body whose pieces must arrive in time.
pub struct TimedBody {
    body: Body,
    progress: Arc<UploadProgress>,
    max_duration: Duration,
    max_pause: Duration,
    end: Instant,
}

impl TimedBody {
    /// The body must arrive within `max_duration`, must not pause for `max_pause`, must not be slower than `progress` allows,
    /// and ends when `progress` is ended.
    pub fn new(
        body: Body,
        progress: &Arc<UploadProgress>,
        max_duration: Duration,
        max_pause: Duration,
    ) -> Self {
        let end = Instant::now() + max_duration;
        Self { body, progress: progress.clone(), max_duration, max_pause, end }
    }

    /// Returns the next piece, or `None` at the end of the body. A body that is too slow ends with an error of kind `TimedOut`.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let late = |reason: &str| Err(io::Error::new(io::ErrorKind::TimedOut, format!("the body {reason}")));
        let pause_end = Instant::now() + self.max_pause;
        let mut last = Instant::now();
        loop {
            let deadline = self.end.min(pause_end).min(last + self.progress.check_interval());
            let frame = tokio::select! {
                error = self.progress.ended() => return Err(error),
                frame = timeout_at(deadline, self.body.frame()) => frame,
            };
            let now = Instant::now();
            let waited = now - last;
            last = now;
            match frame {
                Err(_) if now >= self.end => {
                    return late(&format!("took more than {} s", self.max_duration.as_secs()));
                }
                Err(_) if now >= pause_end => {
                    return late(&format!("paused for {} s", self.max_pause.as_secs()));
                }
                Err(_) => self.progress.record(waited, 0)?,
                Ok(None) => {
                    self.progress.complete();
                    return Ok(None);
                }
                Ok(Some(Err(error))) => return Err(io::Error::new(io::ErrorKind::ConnectionReset, error)),
                Ok(Some(Ok(frame))) => {
                    // Trailers are ignored.
                    let piece = frame.into_data().unwrap_or_default();
                    self.progress.record(waited, piece.len())?;
                    return Ok(Some(piece));
                }
            }
        }
    }
}

/// Collects a body of at most `max_bytes`, without a thread. One byte more shows that the body is too long.
pub async fn collect_body(mut body: TimedBody, max_bytes: u64) -> io::Result<Vec<u8>> {
    let mut message = Vec::new();
    while let Some(piece) = body.next().await? {
        message.extend_from_slice(&piece);
        if message.len() as u64 > max_bytes {
            break;
        }
    }
    Ok(message)
}

/// Reads a body on a blocking thread.
pub struct UploadReader {
    /// The pieces, and `None` at the end of the body.
    pieces: mpsc::Receiver<io::Result<Option<Bytes>>>,
    current: Bytes,
    has_ended: bool,
    read_bytes: IntCounter,
}

/// Runs `read` on a blocking thread while the body arrives. The thread starts when the first piece has arrived. If the returned
/// future is dropped, which happens when the client resets the request, the reader fails after the pieces that have arrived.
/// `read_bytes` counts the bytes that were read.
///
/// `read` must hold something that bounds the number of such threads, such as an upload slot.
#[expect(clippy::disallowed_methods, reason = "`read` holds an upload slot until it ends")]
pub async fn read_body<T: Send + 'static>(
    mut body: TimedBody,
    read_bytes: IntCounter,
    read: impl FnOnce(UploadReader) -> T + Send + 'static,
) -> Result<T, BodyError> {
    let mut piece = body.next().await.map_err(BodyError::Transfer).map(Ok)?;
    let (sender, pieces) = mpsc::channel(MAX_WAITING_PIECES);
    let reading = tokio::task::spawn_blocking(move || {
        read(UploadReader { pieces, current: Bytes::new(), has_ended: false, read_bytes })
    });
    loop {
        let is_last = !matches!(piece, Ok(Some(_)));
        // Sending fails if the reader has returned. It waits if the reader is slow, which makes the client wait.
        if sender.send(piece).await.is_err() || is_last {
            break;
        }
        // A message that is refused early is answered before the client sends more.
        piece = tokio::select! {
            () = sender.closed() => break,
            piece = body.next() => piece,
        };
    }
    drop(sender);
    reading.await.map_err(BodyError::Thread)
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.has_ended {
            match self.pieces.blocking_recv() {
                Some(Ok(Some(piece))) => self.current = piece,
                Some(Ok(None)) => self.has_ended = true,
                Some(Err(error)) => {
                    self.has_ended = true;
                    return Err(error);
                }
                None => {
                    self.has_ended = true;
                    return Err(io::Error::new(io::ErrorKind::ConnectionReset, "the client has left"));
                }
            }
        }
        let length = (&self.current[..]).read(buffer)?;
        self.current.advance(length);
        self.read_bytes.inc_by(length as u64);
        Ok(length)
    }
}
