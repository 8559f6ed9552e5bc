//! Work on the registered keys that no request waits for.

use std::sync::Arc;
use std::time::Duration;

use tracing::error;

use super::key_store::KeyStoreError;
use super::state::ServerState;

/// Interval between two rounds.
const INTERVAL: Duration = Duration::from_secs(600);

/// Deletes the registrations of clients whose certificates have ended, and writes when keys were used last: at once, and then in
/// every interval. Does not end.
pub async fn maintain_registrations(state: Arc<ServerState>) {
    loop {
        let round = state.clone();
        let work =
            move || log_failure(round.keys.delete_ended(&round.provider(), &round.access, &round.batches));
        let _ = tokio::task::spawn_blocking(work).await;
        write_uses(state.clone()).await;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Writes when keys were used last.
pub async fn write_uses(state: Arc<ServerState>) {
    let _ = tokio::task::spawn_blocking(move || log_failure(state.keys.write_uses())).await;
}

fn log_failure(result: Result<(), KeyStoreError>) {
    if let Err(failure) = result {
        let reason: &dyn std::error::Error = &failure;
        error!(reason, "the database failed");
    }
}
