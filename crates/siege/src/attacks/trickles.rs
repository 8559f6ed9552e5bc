//! Bytes that arrive slowly, or are not read.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, timeout};

use super::messages::HEAD_BYTES;
use super::registration::register;
use super::repetition::keep;
use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::frame;
use crate::http2::raw_session::RawSession;
use crate::http2::session::{Failure, Session, describe_io, receive};
use crate::report::Tally;

/// Interval at which a byte is sent.
const BYTE_INTERVAL: Duration = Duration::from_secs(1);

/// Uploads of one client at a time: more than the provider admits.
const UPLOADS: usize = 3;

/// Setting of the window of streams (RFC 9113, section 6.5.2).
pub const INITIAL_WINDOW_SIZE: u16 = 4;

/// Uploads batches, a byte per second each.
pub async fn uploads(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let connections = bounds.connections().min(UPLOADS);
    keep(connections, bounds, tally, async |number| trickle_upload(attacker, number, bounds).await).await;
}

async fn trickle_upload(attacker: &Attacker, number: usize, bounds: &Bounds) -> Result<String, Failure> {
    let mut session = Session::open(&attacker.target).await?;
    let registered = register(attacker, &mut session).await?;
    if !registered.status.is_success() {
        return Err(Failure(format!("keys: status {}", registered.status.as_u16())));
    }
    let mut fingerprint = *attacker.batch.fingerprint.as_bytes();
    if let Some(byte) = fingerprint.first_mut() {
        *byte = byte.wrapping_add(u8::try_from(number).unwrap_or(u8::MAX));
    }
    let path = attacker.batch_path_of(sottovoce_protocol::Fingerprint::from_bytes(fingerprint));
    let message = &attacker.batch.message;
    let (response, mut stream) = session.start(Method::PUT, &path, Some(message.len() as u64), true).await?;
    let start = Instant::now();
    // All that comes before the ciphertexts, so that the provider waits for them.
    let mut rest = message.clone();
    stream.send_data(rest.split_to(rest.len().min(HEAD_BYTES)), false)?;
    let mut response = std::pin::pin!(receive(response));
    loop {
        tokio::select! {
            response = &mut response => {
                let end = match response {
                    Ok(response) => format!("status {}", response.status.as_u16()),
                    Err(Failure(reason)) => reason,
                };
                return Ok(format!("{end} after {} s", start.elapsed().as_secs()));
            }
            () = bounds.sleep(BYTE_INTERVAL) => {
                stream.send_data(if rest.is_empty() { Bytes::new() } else { rest.split_to(1) }, false)?;
            }
        }
    }
}

/// Sends the headers of a request, a byte per second, in frames of one byte that never end.
pub async fn headers(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    keep(bounds.connections(), bounds, tally, async |_| trickle_headers(attacker).await).await;
}

async fn trickle_headers(attacker: &Attacker) -> Result<String, Failure> {
    let mut session = RawSession::open(&attacker.target, &[]).await?;
    let start = Instant::now();
    let stream = session.next_stream();
    let block = frame::request_block(&Method::GET, &"/long".repeat(1000), None);
    let mut kind = frame::HEADERS;
    for byte in block {
        session.write(&frame::frame(kind, 0, stream, &[byte])).await?;
        kind = frame::CONTINUATION;
        if let Some(reason) = session.end_within(BYTE_INTERVAL).await {
            return Ok(format!("{reason} after {} s", start.elapsed().as_secs()));
        }
    }
    Ok("all bytes sent".to_owned())
}

/// Sends the beginning of a TLS handshake, a byte per second.
pub async fn handshakes(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    keep(bounds.connections(), bounds, tally, async |_| trickle_handshake(attacker).await).await;
}

async fn trickle_handshake(attacker: &Attacker) -> Result<String, Failure> {
    let mut stream = attacker.target.open_tcp().await?;
    let start = Instant::now();
    // A record of a handshake with 512 bytes, which begins with a ClientHello.
    let begin: [u8; 11] = [22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3];
    for byte in begin.into_iter().chain(std::iter::repeat_n(7, 500)) {
        if let Err(error) = stream.write_all(&[byte]).await {
            return Ok(format!("{} after {} s", describe_io(&error), start.elapsed().as_secs()));
        }
        if timeout(BYTE_INTERVAL, stream.readable()).await.is_ok() {
            return Ok(format!("closed after {} s", start.elapsed().as_secs()));
        }
    }
    Ok("all bytes sent".to_owned())
}

/// Asks for responses on streams without a window, so that the provider must keep them.
pub async fn unread_responses(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    keep(bounds.connections(), bounds, tally, async |_| ask_and_never_read(attacker).await).await;
}

async fn ask_and_never_read(attacker: &Attacker) -> Result<String, Failure> {
    let mut session = RawSession::open(&attacker.target, &[(INITIAL_WINDOW_SIZE, 0)]).await?;
    let start = Instant::now();
    for path in ["/v1/parameters", "/v1/models", "/health", "/nothing"].into_iter().cycle().take(16) {
        let stream = session.next_stream();
        session.write(&frame::request(stream, &Method::GET, path, None, true)).await?;
    }
    Ok(format!("{} after {} s", session.end().await, start.elapsed().as_secs()))
}
