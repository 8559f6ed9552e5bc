//! The record of `bench service`.

use serde::Serialize;
use serde_json::Value;
use sottovoce_bfv::Encryption;
use sottovoce_report::paper;
use sottovoce_table::Table;

use crate::commands::classify::batches::Steps;

/// The result of the benchmark. Seconds are wall-clock time from pixels to logits.
#[derive(Debug, Serialize)]
pub struct ServiceRecord {
    pub images: usize,
    pub members: usize,
    pub threads: usize,
    pub encryption: Encryption,
    pub hides_model: bool,
    pub ciphertext_modulus_bits: f64,
    /// Median with client and provider in one process, which exchange messages as bytes.
    pub in_process_seconds: f64,
    pub in_process_seconds_all: Vec<f64>,
    /// Median over the service, on loopback with TLS.
    pub service_seconds: f64,
    pub service_seconds_all: Vec<f64>,
    /// `service_seconds / in_process_seconds`.
    pub ratio: f64,
    /// Times and bytes of the last batch over the service.
    pub steps: Steps,
    /// Number of clients that sent one batch each at the same time.
    pub clients: usize,
    /// Seconds until the last of these clients had its answer.
    pub clients_seconds: f64,
    pub clients_steps: Vec<Steps>,
    /// The provider's peak memory after the batches of one client.
    pub provider_peak_bytes_one: Option<u64>,
    /// The provider's peak memory after the batches of all clients.
    pub provider_peak_bytes_all: Option<u64>,
    pub registration_bytes: usize,
    /// Logits of all answers that differ from the integer oracle's.
    pub mismatches: u64,
    pub machine: Value,
    pub source: Value,
}

pub fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// The record as a table. `paper` has the bytes of the paper's upload and answer, if the networks have the paper's sizes.
pub fn table(record: &ServiceRecord, paper: Option<(usize, usize)>) -> Table {
    let Steps { encrypt_seconds, upload_seconds, compute_seconds, download_seconds, decrypt_seconds, .. } =
        record.steps;
    let gib = |bytes: Option<u64>| {
        bytes.map_or_else(
            || "not available".to_owned(),
            |bytes| format!("{:.2} GiB", bytes as f64 / f64::from(1 << 30)),
        )
    };
    let megabytes = |bytes: f64| format!("{:.1} MB", bytes / 1e6);
    let (up, down) = (record.steps.upload_bytes as f64, record.steps.download_bytes as f64);
    let with_paper = |ours: f64, paper: Option<usize>| {
        paper.map_or_else(String::new, |bytes| {
            format!(" (paper: {}, {:.1}× as much)", megabytes(bytes as f64), bytes as f64 / ours)
        })
    };
    let an_image = paper.map_or_else(String::new, |(up, _)| {
        format!(" (paper: {:.0} of {})", up as f64 / paper::BATCH as f64, paper::BATCH)
    });
    let rows = [
        ("in process, s", format!("{:.2}", record.in_process_seconds)),
        (
            "service, s",
            format!(
                "{:.2}: encrypt {encrypt_seconds:.2}, upload {upload_seconds:.2}, compute {compute_seconds:.2}, download \
                 {download_seconds:.2}, decrypt {decrypt_seconds:.2} (the last one)",
                record.service_seconds
            ),
        ),
        ("service / in process", format!("{:.2}×", record.ratio)),
        ("upload per batch", format!("{}{}", megabytes(up), with_paper(up, paper.map(|(bytes, _)| bytes)))),
        ("upload per image", format!("{:.0} bytes{an_image}", up / record.images as f64)),
        (
            "download per batch",
            format!("{}{}", megabytes(down), with_paper(down, paper.map(|(_, bytes)| bytes))),
        ),
        ("registration, once", format!("{} bytes", record.registration_bytes)),
        (
            "clients at once",
            format!("{}, the last answer after {:.1} s", record.clients, record.clients_seconds),
        ),
        (
            "provider's peak memory",
            format!(
                "{}; with all clients {}",
                gib(record.provider_peak_bytes_one),
                gib(record.provider_peak_bytes_all)
            ),
        ),
        ("logits that differ from the oracle", record.mismatches.to_string()),
    ];
    let mut notes = vec!["The service runs in a separate process.".to_owned()];
    if paper.is_some() {
        notes.insert(0, "The paper sends these bytes twice, for two plaintext moduli.".to_owned());
    }
    Table {
        title: format!(
            "Service on loopback: {} images, {} members, {} threads, {} encryption, Q of {:.0} bits{}",
            record.images,
            record.members,
            record.threads,
            record.encryption,
            record.ciphertext_modulus_bits,
            if record.hides_model { ", hidden answers" } else { "" }
        ),
        header: ["", "measured"].map(str::to_owned).to_vec(),
        rows: rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect(),
        notes,
    }
}
