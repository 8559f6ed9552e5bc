//! Counters and gauges of a service, in Prometheus' text format.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use super::connections::CloseReason;

/// Bounds of histograms in seconds. A batch of the paper's network is received in half a second and evaluated in a few. A packed batch
/// is evaluated in some hundredths.
const SECONDS: [f64; 13] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 60.0, 300.0];

/// Counters and gauges of one service.
pub struct Metrics {
    registry: Registry,
    pub requests: RequestCounters,
    /// Batches by outcome: answered, refused, failed, cancelled.
    pub batches: IntCounterVec,
    /// Work on blocking threads by outcome: done, refused, cancelled, abandoned.
    pub work: IntCounterVec,
    pub received_bytes: IntCounter,
    pub sent_bytes: IntCounter,
    pub receive_seconds: Histogram,
    pub evaluate_seconds: Histogram,
    pub held_batches: IntGauge,
    pub answers: IntGauge,
    pub stored_keys: IntGauge,
    /// Connections now, by what is known of the peer.
    pub connections: IntGaugeVec,
    /// Connections that ended, by reason.
    pub closed_connections: IntCounterVec,
    pub accept_errors: IntCounter,
    pub peak_memory_bytes: IntGauge,
}

/// Counters of requests. Clones count together.
#[derive(Clone)]
pub struct RequestCounters {
    /// Responses by status code.
    pub responses: IntCounterVec,
    /// Requests beyond a client's budget.
    pub refused: IntCounter,
    /// Requests that the client abandoned.
    pub resets: IntCounter,
}

impl Metrics {
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name, help| register(&registry, IntCounter::new(name, help)?);
        let counters =
            |name, help, label| register(&registry, IntCounterVec::new(Opts::new(name, help), &[label])?);
        let gauge = |name, help| register(&registry, IntGauge::new(name, help)?);
        let seconds = |name, help| {
            let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
            register(&registry, Histogram::with_opts(options)?)
        };
        let closed_connections =
            counters("sottovoce_closed_connections_total", "Connections that ended, by reason.", "reason")?;
        // A counter that starts at zero shows its first step.
        for reason in CloseReason::ALL {
            closed_connections.with_label_values(&[reason.label()]);
        }
        Ok(Self {
            requests: RequestCounters {
                responses: counters("sottovoce_responses_total", "Responses by status code.", "status")?,
                refused: counter("sottovoce_refused_requests_total", "Requests beyond a client's budget.")?,
                resets: counter("sottovoce_resets_total", "Requests that their clients abandoned.")?,
            },
            batches: counters("sottovoce_batches_total", "Batches by how they ended.", "outcome")?,
            work: counters(
                "sottovoce_work_total",
                "Work that waits for the disk, by how it ended.",
                "outcome",
            )?,
            received_bytes: counter("sottovoce_received_bytes_total", "Bytes of batches that came in.")?,
            sent_bytes: counter("sottovoce_sent_bytes_total", "Bytes of answers.")?,
            receive_seconds: seconds("sottovoce_receive_seconds", "Receiving and checking a batch.")?,
            evaluate_seconds: seconds("sottovoce_evaluate_seconds", "Evaluating a batch.")?,
            held_batches: gauge("sottovoce_held_batches", "Batches received, waiting or evaluated now.")?,
            answers: gauge("sottovoce_answers", "Answers that wait to be fetched.")?,
            stored_keys: gauge("sottovoce_stored_keys", "Registered clients' keys.")?,
            connections: register(
                &registry,
                IntGaugeVec::new(Opts::new("sottovoce_connections", "Connections now."), &["kind"])?,
            )?,
            closed_connections,
            accept_errors: counter(
                "sottovoce_accept_errors_total",
                "Connections that the system did not hand over.",
            )?,
            peak_memory_bytes: gauge(
                "sottovoce_peak_memory_bytes",
                "Peak memory of the process in bytes; 0 if the system does not tell it.",
            )?,
            registry,
        })
    }

    /// Returns all metrics as text.
    pub fn text(&self) -> Result<String, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

fn register<T: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: T,
) -> Result<T, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}
