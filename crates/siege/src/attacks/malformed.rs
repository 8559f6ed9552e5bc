//! Frames that break the rules of HTTP/2, one on each connection.

use std::time::Duration;

use http::Method;

use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::frame::{
    ACK, CANCEL, CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PADDED, PING, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, frame_announcing, literal, request,
    request_block, reset, settings,
};
use crate::http2::raw_session::RawSession;
use crate::http2::session::Failure;
use crate::report::Tally;

/// Time for the provider's reaction.
const REACTION_TIMEOUT: Duration = Duration::from_secs(1);

/// Sends each malformed sequence on a connection of its own, again and again.
pub async fn frames(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    send_each(attacker, bounds, tally, &sequences()).await;
}

/// Sends headers beyond the limits in every form.
pub async fn huge_headers(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    send_each(attacker, bounds, tally, &huge()).await;
}

async fn send_each(attacker: &Attacker, bounds: &Bounds, tally: &Tally, sequences: &[(&str, Vec<u8>)]) {
    for (name, bytes) in sequences.iter().cycle() {
        if !bounds.allow(tally.attempts()) {
            return;
        }
        tally.attempt();
        let reaction = match send(attacker, bytes).await {
            Ok(reaction) | Err(Failure(reaction)) => reaction,
        };
        tally.outcome(format!("{name}: {reaction}"));
        bounds.pause().await;
    }
}

async fn send(attacker: &Attacker, bytes: &[u8]) -> Result<String, Failure> {
    let mut session = RawSession::open(&attacker.target, &[]).await?;
    session.write(bytes).await?;
    Ok(match session.end_within(REACTION_TIMEOUT).await {
        Some(reason) => reason,
        None => match session.seen() {
            seen if seen.resets > 0 => "stream reset".to_owned(),
            seen if seen.responses > 0 => "a response".to_owned(),
            _ => "stays open".to_owned(),
        },
    })
}

/// Malformed sequences of frames, each with a name.
fn sequences() -> Vec<(&'static str, Vec<u8>)> {
    let get = |stream| request(stream, &Method::GET, "/health", None, true);
    let block = request_block(&Method::GET, "/health", None);
    let put = |length| request(1, &Method::PUT, "/v1/models", length, false);
    let mut incomplete = Vec::new();
    literal(&mut incomplete, b":method", b"GET");
    let mut doubled = block.clone();
    literal(&mut doubled, b":path", b"/v1/models");
    let mut capital = block.clone();
    literal(&mut capital, b"Capital", b"letters");
    let mut hop = block.clone();
    literal(&mut hop, b"connection", b"upgrade");
    let mut control = block.clone();
    literal(&mut control, b"x", b"line\r\nbreak\0");
    vec![
        ("a frame of 16 MB", frame_announcing(0xff_ffff, DATA, 0, 1, &[0; 100])),
        ("data on stream 0", frame(DATA, 0, 0, b"data")),
        ("data on an idle stream", frame(DATA, 0, 5, b"data")),
        ("headers on stream 0", frame(HEADERS, END_HEADERS | END_STREAM, 0, &block)),
        ("headers on an even stream", frame(HEADERS, END_HEADERS | END_STREAM, 2, &block)),
        ("a stream that goes back", [get(5), get(3)].concat()),
        ("headers within headers", [frame(HEADERS, 0, 1, &incomplete), get(3)].concat()),
        ("a continuation of nothing", frame(CONTINUATION, END_HEADERS, 1, &block)),
        ("compressed nonsense", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xff; 64])),
        ("an index without an entry", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0xfe])),
        ("no path", frame(HEADERS, END_HEADERS | END_STREAM, 1, &incomplete)),
        ("two paths", frame(HEADERS, END_HEADERS | END_STREAM, 1, &doubled)),
        ("a capital letter", frame(HEADERS, END_HEADERS | END_STREAM, 1, &capital)),
        ("a header of HTTP/1.1", frame(HEADERS, END_HEADERS | END_STREAM, 1, &hop)),
        ("control characters", frame(HEADERS, END_HEADERS | END_STREAM, 1, &control)),
        ("no headers", frame(HEADERS, END_HEADERS | END_STREAM, 1, &[])),
        ("more padding than bytes", [put(None), frame(DATA, PADDED, 1, &[200, 1, 2])].concat()),
        ("more data than announced", [put(Some(2)), frame(DATA, END_STREAM, 1, b"three")].concat()),
        ("less data than announced", [put(Some(9)), frame(DATA, END_STREAM, 1, b"three")].concat()),
        ("data after the end", [get(1), frame(DATA, 0, 1, b"more")].concat()),
        ("a window update of 0", frame(WINDOW_UPDATE, 0, 0, &[0; 4])),
        ("a window beyond 2^31", frame(WINDOW_UPDATE, 0, 0, &0x7fff_ffff_u32.to_be_bytes()).repeat(2)),
        ("a short window update", frame(WINDOW_UPDATE, 0, 0, &[1])),
        ("settings of 5 bytes", frame(SETTINGS, 0, 0, &[0; 5])),
        ("settings on a stream", frame(SETTINGS, 0, 1, &[])),
        ("settings with ACK and bytes", frame(SETTINGS, ACK, 0, &[0; 6])),
        ("a window setting of 2^32 - 1", settings(&[(4, u32::MAX)])),
        ("a frame size of 1", settings(&[(5, 1)])),
        ("unknown settings", settings(&[(0xff, 1), (0xfe, 2), (0, 3)])),
        ("a short ping", frame(PING, 0, 0, &[0; 7])),
        ("a ping on a stream", frame(PING, 0, 1, &[0; 8])),
        ("a reset of stream 0", reset(0, CANCEL)),
        ("a reset of an idle stream", reset(7, CANCEL)),
        ("a short reset", frame(RST_STREAM, 0, 1, &[0; 3])),
        ("a stream that depends on itself", frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])),
        ("a short priority", frame(PRIORITY, 0, 1, &[0; 4])),
        ("a client's push", frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
        ("a short goodbye", frame(GOAWAY, 0, 0, &[0; 4])),
        ("a goodbye and a request", [frame(GOAWAY, 0, 0, &[0; 8]), get(1)].concat()),
        ("an unknown frame", frame(0xbe, 0xff, 0, &[7; 100])),
    ]
}

/// Headers that are too long or too many, each with a name.
fn huge() -> Vec<(&'static str, Vec<u8>)> {
    // A path of several frames.
    let long_path = request_block(&Method::GET, &"/long".repeat(20_000), None);
    let mut many = request_block(&Method::GET, "/health", None);
    (0..3000).for_each(|number: u32| literal(&mut many, format!("x-{number}").as_bytes(), b"value"));
    // One entry of 4 kB in the table, and one byte for each reference to it.
    let mut bomb = request_block(&Method::GET, "/health", None);
    bomb.push(0x40);
    bomb.extend([1, b'x', 127, 0xa1, 0x1e]);
    bomb.extend([b'v'; 4000]);
    bomb.extend([0xbe; 12_000]);
    // Empty continuations, which never end.
    let mut endless = frame(HEADERS, END_STREAM, 1, &request_block(&Method::GET, "/health", None));
    endless.extend(frame(CONTINUATION, 0, 1, &[]).repeat(20_000));
    let fits = request(1, &Method::GET, &"/long".repeat(2500), None, true);
    vec![
        ("a path of 100 kB", in_frames(&long_path)),
        ("3000 headers", in_frames(&many)),
        ("references to a long header", in_frames(&bomb)),
        ("empty continuations", endless),
        ("a path of 12.5 kB", fits),
    ]
}

/// Cuts a block of headers into frames of 16 kB on stream 1.
fn in_frames(block: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let last = block.len().div_ceil(16_384).saturating_sub(1);
    for (index, piece) in block.chunks(16_384).enumerate() {
        let end = if index == last { END_HEADERS } else { 0 };
        bytes.extend(match index {
            0 => frame(HEADERS, END_STREAM | end, 1, piece),
            _ => frame(CONTINUATION, end, 1, piece),
        });
    }
    bytes
}
