//! A request's body as something to read from, with an eye on the clock.

use std::io::{self, Read};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Pieces of a body that wait to be read, of 16 kB or so each: no more of it is ever held.
const PIECES: usize = 16;

/// The reading end of a body, for a thread that may wait.
pub struct UploadReader {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    current: Bytes,
    failed: bool,
}

/// Lets `read` read the body on a thread of its own while the pieces come in. The body must come within `most` and may
/// not pause for `silence`; what is too late reads as an error.
pub async fn read_body<T: Send + 'static>(
    mut body: Body,
    most: Duration,
    silence: Duration,
    read: impl FnOnce(UploadReader) -> T + Send + 'static,
) -> Result<T, tokio::task::JoinError> {
    let (sender, pieces) = mpsc::channel(PIECES);
    let reading = tokio::task::spawn_blocking(move || {
        read(UploadReader { pieces, current: Bytes::new(), failed: false })
    });
    let end = Instant::now() + most;
    let late = |what: &str| Err(io::Error::new(io::ErrorKind::TimedOut, format!("the body {what}")));
    loop {
        let now = Instant::now();
        let piece = match timeout_at(end.min(now + silence), body.frame()).await {
            Err(_) if Instant::now() >= end => late(&format!("took more than {} s", most.as_secs())),
            Err(_) => late(&format!("paused for {} s", silence.as_secs())),
            Ok(None) => break,
            Ok(Some(Err(error))) => Err(io::Error::new(io::ErrorKind::ConnectionAborted, error)),
            // Trailers say nothing here.
            Ok(Some(Ok(frame))) => Ok(frame.into_data().unwrap_or_default()),
        };
        let over = piece.is_err();
        // A reader that has gone has seen enough. One that is slow makes the client wait.
        if sender.send(piece).await.is_err() || over {
            break;
        }
    }
    drop(sender);
    reading.await
}

impl Read for UploadReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.failed {
            match self.pieces.blocking_recv() {
                None => return Ok(0),
                Some(Ok(piece)) => self.current = piece,
                Some(Err(error)) => {
                    self.failed = true;
                    return Err(error);
                }
            }
        }
        let length = buffer.len().min(self.current.len());
        buffer[..length].copy_from_slice(&self.current.split_to(length));
        Ok(length)
    }
}
