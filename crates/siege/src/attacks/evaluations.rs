//! Batches whose answers nobody wants.

use std::time::Duration;

use http::{Method, StatusCode};

use super::repetition::repeat;
use crate::attacker::Attacker;
use crate::bounds::Bounds;
use crate::http2::session::{Failure, Response, Session};
use crate::report::Tally;

/// Interval at which the state of a batch is asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Pause after a refused batch.
const REFUSED_PAUSE: Duration = Duration::from_secs(1);

/// Sends a batch, waits until it is being evaluated, and deletes it.
pub async fn cancel_batches(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let path = attacker.batch_path();
        submit(attacker, session, tally).await?;
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

/// Sends batches and leaves their answers to the provider. One message gives one answer, so the batch is deleted after it was
/// answered and sent again; what is counted is the work.
pub async fn hoard_answers(attacker: &Attacker, bounds: &Bounds, tally: &Tally) {
    let open = async || Session::open(&attacker.target).await;
    repeat(bounds, tally, open, async |session| {
        tally.attempt();
        let path = attacker.batch_path();
        submit(attacker, session, tally).await?;
        loop {
            let state = session.send(Method::GET, &path).await?;
            if state.status != StatusCode::OK || String::from_utf8_lossy(&state.body).contains("answered") {
                count(&state, "state", tally);
                break;
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        let _ = session.send(Method::DELETE, &path).await?;
        Ok(())
    })
    .await;
}

/// Registers the keys and sends the batch.
async fn submit(attacker: &Attacker, session: &mut Session, tally: &Tally) -> Result<(), Failure> {
    let path = attacker.batch_path();
    let sent = session.send_body(Method::PUT, &path, attacker.batch.message.clone()).await?;
    count(&sent, "batch", tally);
    if sent.status == StatusCode::NOT_FOUND {
        let keys = attacker.keys_path();
        let registered = session.send_body(Method::PUT, &keys, attacker.registration.clone()).await?;
        count(&registered, "keys", tally);
    }
    if !sent.status.is_success() {
        tokio::time::sleep(REFUSED_PAUSE).await;
    }
    Ok(())
}

fn count(response: &Response, what: &str, tally: &Tally) {
    tally.outcome(format!("{what}: status {}", response.status.as_u16()));
}
