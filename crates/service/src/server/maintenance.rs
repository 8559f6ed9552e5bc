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
        run_blocking(move || round.keys.delete_ended(&round.served(), &round.access, &round.batches)).await;
        write_uses(state.clone()).await;
        tokio::time::sleep(INTERVAL).await;
    }
}

/// Writes when keys were used last.
pub async fn write_uses(state: Arc<ServerState>) {
    run_blocking(move || state.keys.write_uses()).await;
}

#[expect(clippy::disallowed_methods, reason = "one round at a time, and no client causes it")]
async fn run_blocking(work: impl FnOnce() -> Result<(), KeyStoreError> + Send + 'static) {
    let failed = tokio::task::spawn_blocking(work).await;
    if let Ok(Err(failure)) = failed {
        let reason: &dyn std::error::Error = &failure;
        error!(reason, "the database failed");
    }
}
