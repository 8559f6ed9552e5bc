//! Table of seconds and bytes for numbers of images, packed and batched.

use sottovoce_evaluate::records::{FormLatency, LatencyRow};
use sottovoce_table::Table;

use crate::data::latency::crossing_images;
use crate::data::wording::thousands;

/// Mark behind a number of images whose seconds are scaled.
const SCALED: &str = "*";

/// Table of latencies: for each number of images one row for each form, and below it the forms' keys.
#[must_use]
pub fn latency_table(title: String, forms: &[FormLatency]) -> Table {
    let rows = |form: &FormLatency| {
        let name = form.form.name();
        form.rows.iter().map(move |row| (row.images, cells(name, row))).collect::<Vec<_>>()
    };
    let mut rows: Vec<(usize, Vec<String>)> = forms.iter().flat_map(rows).collect();
    // Rows of the same number of images keep the order of the forms.
    rows.sort_by_key(|(images, _)| *images);
    let mut notes: Vec<String> = forms
        .iter()
        .map(|form| {
            format!(
                "Keys, {}: {:.3} s to make, {:.3} s to register, {} MB, sent once; N = {}, Q of {:.0} bits, with keys {:.0} of {}; \
                 {} bits of noise in answers, {} left.",
                form.form.name(),
                form.key_seconds,
                form.registration_seconds,
                megabytes(form.registration_bytes as u64),
                form.degree,
                form.ciphertext_modulus_bits,
                form.key_modulus_bits,
                form.security_limit_bits,
                form.noise_bits,
                form.noise_budget_bits
            )
        })
        .collect();
    if let Some(images) = crossing_images(forms) {
        notes.push(format!("Both forms take the same time for about {images:.1} images."));
    }
    let scaled = forms.iter().flat_map(|form| &form.rows).find(|row| row.is_scaled());
    if let Some(row) = scaled {
        notes.push(format!("{SCALED} Scaled from {} images.", thousands(row.measured_images as u64)));
    }
    let rounds = forms.iter().flat_map(|form| &form.rows).map(|row| row.seconds_all.len()).max().unwrap_or(0);
    let mismatches: u64 = forms.iter().map(|form| form.mismatches).sum();
    notes.push(format!("Medians of {rounds} rounds; {mismatches} logits differ from the integer oracle."));
    Table {
        title,
        header: [
            "images",
            "form",
            "encrypt, s",
            "transfer, s",
            "provider, s",
            "decrypt, s",
            "all, s",
            "up, MB",
            "down, MB",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: rows.into_iter().map(|(_, cells)| cells).collect(),
        notes,
    }
}

fn cells(form: &str, row: &LatencyRow) -> Vec<String> {
    let images = thousands(row.images as u64);
    let steps =
        [row.encrypt_seconds, row.transfer_seconds, row.provider_seconds, row.decrypt_seconds, row.seconds];
    [if row.is_scaled() { images + SCALED } else { images }, form.to_owned()]
        .into_iter()
        .chain(steps.map(|seconds| format!("{seconds:.4}")))
        .chain([megabytes(row.upload_bytes), megabytes(row.download_bytes)])
        .collect()
}

/// Megabytes of 1,000,000 bytes with three digits behind the point, because a packed answer is a small part of one.
fn megabytes(bytes: u64) -> String {
    format!("{:.3}", bytes as f64 / 1e6)
}
