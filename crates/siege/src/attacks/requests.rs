//! More requests than anybody needs.

use bytes::Bytes;
use http::Method;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use sottovoce_protocol::Fingerprint;

use super::repetition::repeat;
use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::frame;
use crate::http2::raw_session::RawSession;
use crate::http2::session::{Session, receive};
use crate::report::Tally;

/// Bytes of a body that are sent before its stream is reset.
const BODY_BYTES: usize = 4096;

/// Requests at a time, which is what the provider allows.
const REQUESTS_AT_A_TIME: usize = 16;

/// Opens streams of every resource that does some work, and resets each at once.
pub async fn reset_streams(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let mut rng = StdRng::seed_from_u64(attacker.seed);
    let open = async || RawSession::open(&attacker.target, &[]).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let stream = session.next_stream();
        let bytes = reset_request(attacker, stream, tally.attempts(), &mut rng);
        session.write(&bytes).await?;
        tally.outcome("sent and reset");
        Ok(())
    })
    .await;
}

/// Frames of a request and of its reset.
fn reset_request(attacker: &Attacker, stream: u32, number: u64, rng: &mut StdRng) -> Vec<u8> {
    let part = |message: &Bytes| message.slice(..message.len().min(BODY_BYTES));
    let random = Fingerprint::from_bytes(rng.random());
    let (method, path, body) = match number % 6 {
        0 => (Method::PUT, attacker.keys_path(), Some(&attacker.registration)),
        1 => (Method::PUT, attacker.batch_path_of(random), Some(&attacker.batch.message)),
        2 => (Method::DELETE, attacker.batch_path_of(random), None),
        3 => (Method::GET, attacker.keys_path(), None),
        4 => (Method::DELETE, attacker.keys_path(), None),
        _ => (Method::GET, "/v1/parameters".to_owned(), None),
    };
    let length = body.map(|body| body.len() as u64);
    let mut bytes = frame::request(stream, &method, &path, length, body.is_none());
    if let Some(body) = body {
        bytes.extend(frame::frame(frame::DATA, 0, stream, &part(body)));
    }
    bytes.extend(frame::reset(stream, frame::CANCEL));
    bytes
}

/// Sends requests without a body, several at a time, on one connection.
pub async fn flood_requests(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let paths = [
        (Method::GET, "/v1/parameters".to_owned()),
        (Method::GET, "/v1/models".to_owned()),
        (Method::GET, attacker.keys_path()),
        (Method::GET, attacker.batch_path()),
        (Method::DELETE, attacker.batch_path()),
        (Method::GET, "/health".to_owned()),
        (Method::POST, "/v1/models".to_owned()),
    ];
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        let mut responses = Vec::new();
        for (method, path) in paths.iter().cycle().take(REQUESTS_AT_A_TIME) {
            tally.attempt();
            responses.push(session.start(method.clone(), path, None, false).await?.0);
        }
        for response in responses {
            tally.outcome(format!("status {}", receive(response).await?.status.as_u16()));
        }
        Ok(())
    })
    .await;
}

/// Registers keys and deletes them: every time, the provider writes to its disk.
pub async fn churn_keys(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let path = attacker.keys_path();
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let response = match tally.attempts() % 2 {
            0 => session.send(Method::DELETE, &path).await?,
            _ => session.send_body(Method::PUT, &path, attacker.registration.clone()).await?,
        };
        tally.outcome(format!("status {}", response.status.as_u16()));
        Ok(())
    })
    .await;
}
