//! Attempts that are repeated, one after another on a connection, or on many connections at a time.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout_at;

use crate::bounds::Bounds;
use crate::http2::session::Failure;
use crate::report::Tally;

/// Pause after a connection that could not be opened or was closed.
pub const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// Repeats an attempt on a connection while it lasts, and then opens another one. `attempt` counts what it tries.
pub async fn repeat<S>(
    bounds: &Bounds,
    tally: &Tally,
    open: impl AsyncFn() -> Result<S, Failure>,
    mut attempt: impl AsyncFnMut(&mut S) -> Result<(), Failure>,
) {
    while bounds.allow(tally.attempts()) {
        let attempts = async {
            let mut session = open().await?;
            while bounds.allow(tally.attempts()) {
                attempt(&mut session).await?;
                bounds.pause().await;
            }
            Ok(())
        };
        if let Err(Failure(reason)) = attempts.await {
            tally.outcome(reason);
            bounds.sleep(RECONNECT_PAUSE).await;
        }
    }
}

/// Keeps a number of connections. Each is an attempt of `hold`, which gets its number and returns how it ended; another one
/// follows it.
pub async fn keep(
    connections: usize,
    bounds: &Bounds,
    tally: &Tally,
    hold: impl AsyncFn(usize) -> Result<String, Failure>,
) {
    let keep_one = async |number| {
        while bounds.allow(tally.attempts()) {
            tally.attempt();
            match timeout_at(bounds.end(), hold(number)).await {
                Ok(Ok(end)) => tally.outcome(end),
                Ok(Err(Failure(reason))) => {
                    tally.outcome(reason);
                    bounds.sleep(RECONNECT_PAUSE).await;
                }
                Err(_) => tally.outcome("open to the end"),
            }
            bounds.pause().await;
        }
    };
    join_all((0..connections).map(keep_one)).await;
}
