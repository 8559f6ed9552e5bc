//! A connection on which any frame can be sent.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::frame::{self, GOAWAY, HEADER_BYTES, HEADERS, PREFACE, RST_STREAM};
use super::session::{Failure, describe_io, reason_name};
use crate::target::{Stream, Target};

/// Longest time for which a write may wait for the provider.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection whose frames are written by the caller. Frames of the provider are read and counted. Neither settings nor pings
/// are acknowledged.
pub struct RawSession {
    writer: WriteHalf<Stream>,
    reader: JoinHandle<String>,
    seen: Arc<Mutex<Seen>>,
    next_stream: u32,
}

/// Frames that the provider sent.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub responses: u64,
    pub resets: u64,
    pub frames: u64,
}

impl RawSession {
    /// Opens a connection, and sends the preface and settings.
    pub async fn open(target: &Target, settings: &[(u16, u32)]) -> Result<Self, Failure> {
        let mut session = Self::open_silently(target).await?;
        session.write(&[PREFACE, &frame::settings(settings)].concat()).await?;
        Ok(session)
    }

    /// Opens a connection, and sends nothing.
    pub async fn open_silently(target: &Target) -> Result<Self, Failure> {
        let (reader, writer) = tokio::io::split(target.open().await?);
        let seen = Arc::<Mutex<Seen>>::default();
        let reader = tokio::spawn(read_frames(reader, seen.clone()));
        Ok(Self { writer, reader, seen, next_stream: 1 })
    }

    /// Returns the number of the next stream.
    pub fn next_stream(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// Writes bytes. Fails if the provider does not read them, or has closed the connection.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.reader.is_finished() {
            return Err(Failure(self.end().await));
        }
        let written = timeout(WRITE_TIMEOUT, async {
            self.writer.write_all(bytes).await?;
            self.writer.flush().await
        });
        match written.await {
            Err(_) => Err(Failure("the provider stops reading".to_owned())),
            Ok(Ok(())) => Ok(()),
            // The reader knows the provider's last frame.
            Ok(Err(error)) => Err(Failure(match timeout(Duration::from_millis(200), self.end()).await {
                Ok(reason) => reason,
                Err(_) => describe_io(&error),
            })),
        }
    }

    /// Waits until the provider closes the connection. Returns the reason.
    pub async fn end(&mut self) -> String {
        match (&mut self.reader).await {
            Ok(reason) => reason,
            Err(_) => "connection closed".to_owned(),
        }
    }

    /// Waits for a time until the provider closes the connection. Returns the reason, or `None` if it does not.
    pub async fn end_within(&mut self, duration: Duration) -> Option<String> {
        timeout(duration, self.end()).await.ok()
    }

    /// Frames that the provider has sent so far.
    pub fn seen(&self) -> Seen {
        *self.seen.lock()
    }
}

impl Drop for RawSession {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Reads frames until the connection ends. Returns the reason.
async fn read_frames(mut reader: ReadHalf<Stream>, seen: Arc<Mutex<Seen>>) -> String {
    let mut close_reason = None;
    let mut payload = Vec::new();
    loop {
        let mut header = [0; HEADER_BYTES];
        if let Err(error) = reader.read_exact(&mut header).await {
            return close_reason.unwrap_or_else(|| describe_io(&error));
        }
        let [high, middle, low, kind, ..] = header;
        payload.resize(u32::from_be_bytes([0, high, middle, low]) as usize, 0);
        if let Err(error) = reader.read_exact(&mut payload).await {
            return close_reason.unwrap_or_else(|| describe_io(&error));
        }
        let mut seen = seen.lock();
        seen.frames += 1;
        match kind {
            HEADERS => seen.responses += 1,
            RST_STREAM => seen.resets += 1,
            GOAWAY => {
                let code =
                    payload.get(4..8).and_then(|code| code.try_into().ok()).map_or(0, u32::from_be_bytes);
                close_reason = Some(format!("GOAWAY {}", reason_name(code.into())));
            }
            _ => {}
        }
    }
}
