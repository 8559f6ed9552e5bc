//! Batches whose answers nobody wants.

use std::time::Duration;

use http::{Method, StatusCode};

use super::registration::register;
use super::repetition::repeat;
use super::trickles::INITIAL_WINDOW_SIZE;
use crate::attacker::{Attacker, OwnBatch};
use crate::bounds::Bounds;
use crate::http2::frame;
use crate::http2::raw_session::RawSession;
use crate::http2::session::{Failure, Response, Session};
use crate::report::Tally;

/// Interval at which the state of a batch is asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Responses of one answer that are never read.
const UNREAD_AT_A_TIME: usize = 4;

/// Pause after a refused batch.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// Sends a batch, waits until it is being evaluated, and deletes it.
pub async fn cancel_batches(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let path = attacker.batch_path();
        if !submit(attacker, &attacker.batch, session, tally).await? {
            return Ok(());
        }
        loop {
            let state = session.send(Method::GET, &path).await?;
            let text = String::from_utf8_lossy(&state.body).into_owned();
            if state.status != StatusCode::OK || text.contains("answered") {
                tally.outcome(format!("before it was deleted: status {}", state.status.as_u16()));
                break;
            }
            if text.contains("computing") {
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        count(&session.send(Method::DELETE, &path).await?, "delete", tally);
        Ok(())
    })
    .await;
}

/// Sends one batch after the other, each a different one, and leaves the answers to the provider.
pub async fn hoard_answers(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let batch = attacker.batch.variant(tally.attempts());
        if submit(attacker, &batch, session, tally).await? {
            let state = wait_for_answer(attacker, &batch, session).await?;
            count(&state, "state", tally);
        }
        Ok(())
    })
    .await;
}

/// Asks for an answer on several streams without a window, deletes the answer, and leaves the responses to the provider.
pub async fn unread_answers(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let open = async || {
        let unread = RawSession::open(&attacker.target, &[(INITIAL_WINDOW_SIZE, 0)]).await?;
        Ok((Session::open(&attacker.target).await?, unread))
    };
    repeat(bounds, tally, open, async |(session, unread): &mut (Session, RawSession)| {
        tally.attempt();
        // Other batches than those of `hoard_answers`, which the same client may send at the same time.
        let batch = attacker.batch.variant(!tally.attempts());
        if !submit(attacker, &batch, session, tally).await? {
            return Ok(());
        }
        count(&wait_for_answer(attacker, &batch, session).await?, "state", tally);
        let path = attacker.batch_path_of(batch.fingerprint);
        for _ in 0..UNREAD_AT_A_TIME {
            let stream = unread.next_stream();
            let request = frame::request(stream, &Method::GET, &format!("{path}/answer"), None, true);
            unread.write(&request).await?;
        }
        count(&session.send(Method::DELETE, &path).await?, "delete", tally);
        Ok(())
    })
    .await;
}

/// Sends a batch, and registers the keys if the provider does not know them. Returns whether the provider took the batch.
async fn submit(
    attacker: &Attacker,
    batch: &OwnBatch,
    session: &mut Session,
    tally: &Tally,
) -> Result<bool, Failure> {
    let path = attacker.batch_path_of(batch.fingerprint);
    let sent = session.send_body(Method::PUT, &path, batch.message.clone()).await?;
    count(&sent, "batch", tally);
    if sent.status == StatusCode::NOT_FOUND {
        count(&register(attacker, session).await?, "keys", tally);
    } else if !sent.status.is_success() {
        tokio::time::sleep(REFUSED_PAUSE).await;
    }
    Ok(sent.status.is_success())
}

/// Waits until a batch is answered or gone, and returns the last response.
async fn wait_for_answer(
    attacker: &Attacker,
    batch: &OwnBatch,
    session: &mut Session,
) -> Result<Response, Failure> {
    let path = attacker.batch_path_of(batch.fingerprint);
    loop {
        let state = session.send(Method::GET, &path).await?;
        if state.status != StatusCode::OK || String::from_utf8_lossy(&state.body).contains("answered") {
            return Ok(state);
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

fn count(response: &Response, what: &str, tally: &Tally) {
    tally.outcome(format!("{what}: status {}", response.status.as_u16()));
}
