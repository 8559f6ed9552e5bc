//! The thread that evaluates one batch after another, each on all cores, so that all evaluations use the same buffers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use sottovoce_bfv::BfvError;
use sottovoce_protocol::ProtocolError;
use tracing::{error, info};

use super::batches::QueuedBatch;
use super::evaluation_times::EvaluationKind;
use super::refusal::Refusal;
use super::state::ServerState;

/// Evaluates queued batches until the service is stopped.
pub fn evaluate_batches(state: &ServerState) {
    while let Some(batch) = state.batches.next() {
        evaluate(state, batch);
    }
}

fn evaluate(state: &ServerState, QueuedBatch { name, provider, received, progress }: QueuedBatch) {
    let (kind, start) = (EvaluationKind::of(&provider), Instant::now());
    // After a panic the batch has failed, and the next one is evaluated.
    let evaluated = catch_unwind(AssertUnwindSafe(|| {
        progress.set_total(provider.evaluation_work(&received)?);
        provider.evaluate(&received, &*progress)
    }));
    drop(received);
    let elapsed = start.elapsed();
    let (outcome, result) = match evaluated {
        Ok(Ok(answer)) => ("answered", Ok(answer)),
        Ok(Err(ProtocolError::Bfv(BfvError::Cancelled))) => ("cancelled", Err(Refusal::evaluation_failed())),
        Ok(Err(reason)) => {
            error!(key = %name.key, batch = %name.batch, %reason, "evaluation failed");
            ("failed", Err(Refusal::evaluation_failed()))
        }
        Err(_) => {
            error!(key = %name.key, batch = %name.batch, "evaluation panicked");
            ("failed", Err(Refusal::evaluation_failed()))
        }
    };
    state.metrics.batches.with_label_values(&[outcome]).inc();
    state.metrics.evaluate_seconds.observe(elapsed.as_secs_f64());
    info!(key = %name.key, batch = %name.batch, seconds = elapsed.as_secs_f64(), outcome, "evaluated");
    state.batches.finish(name, &progress, result, kind, elapsed);
}
