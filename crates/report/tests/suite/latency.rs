//! The chart and the table of latencies.

use sottovoce_evaluate::records::{EvaluationForm, FormLatency, LatencyRow};
use sottovoce_report::{Caption, crossing_images, latency_table, write_latency_chart};
use tempfile::TempDir;

/// Packed images take 0.1 s and 0.5 MB each, of which at most 100 are measured; a batch takes 0.8 s and 112 MB.
fn forms() -> Vec<FormLatency> {
    let row =
        |images: usize, measured_images: usize, batches: usize, seconds: f64, upload_bytes: u64| LatencyRow {
            images,
            measured_images,
            batches,
            encrypt_seconds: 0.0,
            transfer_seconds: 0.0,
            provider_seconds: seconds,
            decrypt_seconds: 0.0,
            seconds,
            seconds_all: vec![seconds; 3],
            upload_bytes,
            download_bytes: 12_000,
        };
    let form = |form, mismatches, rows| FormLatency {
        form,
        degree: 8192,
        plaintext_moduli: vec![65_537],
        ciphertext_modulus_bits: 140.0,
        key_modulus_bits: 190.0,
        security_limit_bits: 214,
        key_seconds: 0.04,
        key_seconds_all: vec![0.04; 3],
        registration_seconds: 0.02,
        registration_bytes: 600_000,
        noise_bits: 15,
        noise_budget_bits: 9,
        mismatches,
        rows,
    };
    let counts = [1, 8, 100, 1000, 8192];
    let packed = counts.map(|n| row(n, n.min(100), n, 0.1 * n as f64, 500_000 * n as u64)).to_vec();
    let batched = counts.map(|n| row(n, n, 1, 0.8, 112_000_000)).to_vec();
    vec![form(EvaluationForm::Packed, 2, packed), form(EvaluationForm::Batched, 0, batched)]
}

#[test]
fn the_chart_shows_both_forms_and_where_they_cross() {
    let folder = TempDir::new().unwrap();
    let caption = Caption { title: "Latency".to_owned(), dataset: "digits".to_owned(), synthetic: true };
    write_latency_chart(&forms(), &caption, folder.path()).unwrap();
    let svg = std::fs::read_to_string(folder.path().join("latency.svg")).unwrap();
    for text in [
        "SYNTHETIC DATA",
        "packed",
        "batched",
        "scaled from 100 images",
        "8.0 images",
        "Upload, MB",
        "10,000",
    ] {
        assert!(svg.contains(text), "{text}");
    }
    assert!(std::fs::metadata(folder.path().join("latency.png")).unwrap().len() > 1000);
    // Two panels with ten points each, and the markers of the legend.
    assert!(svg.matches("<polygon").count() >= 2 * 2 * 10, "{}", svg.matches("<polygon").count());
}

#[test]
fn one_form_alone_is_drawn_without_a_crossing() {
    let folder = TempDir::new().unwrap();
    let caption = Caption { title: "Latency".to_owned(), dataset: "digits".to_owned(), synthetic: false };
    let batched = &forms()[1..];
    write_latency_chart(batched, &caption, folder.path()).unwrap();
    let svg = std::fs::read_to_string(folder.path().join("latency.svg")).unwrap();
    assert!(svg.contains("batched") && !svg.contains("same time") && !svg.contains("scaled"), "{svg}");
    assert_eq!(crossing_images(batched), None);
    let error = write_latency_chart(&[], &caption, folder.path()).unwrap_err().to_string();
    assert!(error.contains("latency.json"), "{error}");
}

#[test]
fn the_table_marks_scaled_rows_and_counts_mismatches() {
    let text = latency_table("Latency".to_owned(), &forms()).to_text();
    for part in [
        "1,000*  packed",
        "1,000   batched",
        "* Scaled from 100 images.",
        "about 8.0 images",
        "2 logits differ",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
}
