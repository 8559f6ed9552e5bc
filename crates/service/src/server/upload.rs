//! The body of a request as a reader for a blocking thread, with time limits.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Number of pieces of a body that wait to be read. A piece has about 16 kB.
const MAX_WAITING_PIECES: usize = 16;

/// Reads a body on a blocking thread.
pub struct UploadReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    has_failed: bool,
}

/// Runs `read` on a blocking thread while the body arrives. The body must arrive within `max_duration` and must not pause for
/// `max_pause`. A body that is too slow ends with an error of kind `TimedOut`.
pub async fn read_body<T: Send + 'static>(
    mut body: Body,
    max_duration: Duration,
    max_pause: Duration,
    read: impl FnOnce(UploadReader) -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    let (sender, pieces) = mpsc::channel(MAX_WAITING_PIECES);
    let reading = tokio::task::spawn_blocking(move || {
        read(UploadReader { pieces, current: Bytes::new(), has_failed: false })
    });
    let end = Instant::now() + max_duration;
    let late = |reason: &str| Err(io::Error::new(io::ErrorKind::TimedOut, format!("the body {reason}")));
    loop {
        let now = Instant::now();
        let piece = match timeout_at(end.min(now + max_pause), body.frame()).await {
            Err(_) if Instant::now() >= end => late(&format!("took more than {} s", max_duration.as_secs())),
            Err(_) => late(&format!("paused for {} s", max_pause.as_secs())),
            Ok(None) => break,
            Ok(Some(Err(error))) => Err(io::Error::new(io::ErrorKind::ConnectionReset, error)),
            // Trailers are ignored.
            Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
        };
        let is_last = piece.is_err();
        // Sending fails if the reader has returned. It waits if the reader is slow, which makes the client wait.
        if sender.send(piece).await.is_err() || is_last {
            break;
        }
    }
    drop(sender);
    reading.await
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.has_failed {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(Ok(piece)) => self.current = piece,
                Some(Err(error)) => {
                    self.has_failed = true;
                    return Err(error);
                }
            }
        }
        let length = (&self.current[..]).read(buffer)?;
        self.current.advance(length);
        Ok(length)
    }
}
