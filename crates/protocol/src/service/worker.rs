//! The thread that evaluates: one batch after the other, each on all cores, so that one evaluation's memory serves all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use sottovoce_bfv::{BfvError, ProgressObserver};
use tracing::{error, info};

use super::Service;
use super::batches::{Job, Work};
use super::refusal::Refusal;
use crate::ProtocolError;

impl ProgressObserver for Work {
    fn advance(&self, work: u64) {
        self.done.fetch_add(work, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

/// Evaluates what waits until the service is stopped.
pub fn work(service: &Arc<Service>) {
    while let Some(job) = service.batches.next() {
        evaluate(service, job);
    }
}

fn evaluate(service: &Service, Job { name, received, work }: Job) {
    let start = Instant::now();
    // A mistake of ours must not end the service: the batch fails, and the next one is evaluated.
    let evaluated = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        work.all.store(service.provider.work_of(&received)?, Ordering::Relaxed);
        service.provider.evaluate(&received, &*work)
    }));
    drop(received);
    let elapsed = start.elapsed();
    let internal = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the evaluation failed");
    let (outcome, result) = match evaluated {
        Ok(Ok(answer)) => ("answered", Ok(Bytes::from(answer))),
        Ok(Err(ProtocolError::Bfv(BfvError::Cancelled))) => ("cancelled", Err(internal())),
        Ok(Err(reason)) => {
            error!(key = %name.key, batch = %name.batch, %reason, "evaluation failed");
            ("failed", Err(internal()))
        }
        Err(_) => {
            error!(key = %name.key, batch = %name.batch, "evaluation panicked");
            ("failed", Err(internal()))
        }
    };
    service.metrics.batches.with_label_values(&[outcome]).inc();
    service.metrics.evaluate_seconds.observe(elapsed.as_secs_f64());
    info!(key = %name.key, batch = %name.batch, seconds = elapsed.as_secs_f64(), outcome, "evaluated");
    service.batches.finish(name, &work, result, elapsed);
}
