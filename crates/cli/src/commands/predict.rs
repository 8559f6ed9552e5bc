//! `predict`: exported networks on a data set's test images, under encryption.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use sottovoce_evaluate::{PredictionSummary, Session, encode_predictions, predict_images};
use sottovoce_report::table::Table;

use super::{EXIT_MISMATCH, weights};
use crate::args::{Common, PredictOptions};
use crate::machine::{Machine, Source};
use crate::output::{self, counted, to_value};
use crate::progress::StageProgress;
use crate::run_folder;
use crate::stages::{self, need};

pub fn run(arguments: &PredictOptions, common: &Common) -> Result<ExitCode> {
    let PredictOptions { weights: folder, data, images, policy, evaluator, out } = arguments;
    let exported = weights::read(folder)?;
    let need = need(&exported);
    let policy = policy.policy(need.observed.is_some())?;
    let out = match out {
        Some(out) => out.clone(),
        None => default_folder(folder)?,
    };
    // Before minutes are spent: a folder that cannot be made.
    fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let side = exported.ensemble.architecture().image_side;
    let data = stages::open(data, usize::MAX, images.unwrap_or(usize::MAX), common)?;
    ensure!(
        data.test.side() == side,
        "the data set {} has images of {found} x {found} pixels, but the networks read {side} x {side}",
        data.name,
        found = data.test.side(),
    );
    let evaluator = evaluator.evaluator();
    if let Some(wanted) = *images {
        let found = data.test.len();
        ensure!(
            wanted <= found,
            "--images is {wanted}, but the data set {} has {found} test images",
            data.name
        );
    }
    stages::warn_of_range(policy.range);
    let session = Session::new(&[need], &policy, data.test.len(), evaluator)?;
    let progress = StageProgress::new("predict".to_owned());
    let (predictions, summary) = predict_images(need, &session, &data.test, &progress)?;
    let csv = encode_predictions(&predictions).context("cannot write predictions as CSV")?;
    run_folder::write(&out.join("predictions.csv"), &csv)?;
    let record = json!({
        "dataset": data.name,
        "synthetic": data.is_synthetic(),
        "sha256": data.checksums,
        "networks": exported.origin.provenance,
        "summary": to_value(&summary),
        "machine": to_value(&Machine::here()),
        "source": to_value(&Source::here()),
    });
    run_folder::write_json(&out.join("predictions.json"), &record)?;
    if common.json {
        output::json(&json!({ "folder": out, "record": record }));
    } else {
        output::result(&table(&summary, &data.name, data.is_synthetic()).to_text());
        output::result(&format!("Predictions and logits are in {}.", out.join("predictions.csv").display()));
    }
    if summary.mismatches > 0 || summary.range.images_outside > 0 {
        output::remark(&format!(
            "NOT EXACT: {} decrypted logits differ from the integer oracle; {} images have logits beyond the plaintext \
             modulus (raise --range-margin, or take --range proven)",
            summary.mismatches, summary.range.images_outside
        ));
        return Ok(ExitCode::from(EXIT_MISMATCH));
    }
    Ok(ExitCode::SUCCESS)
}

/// `results/predictions/<name of the weights' folder>`.
fn default_folder(weights: &Path) -> Result<PathBuf> {
    let path = weights.canonicalize().with_context(|| format!("cannot find {}", weights.display()))?;
    let name = path.file_name().context("the weights' folder has no name; say where with --out")?;
    Ok(Path::new("results/predictions").join(name))
}

fn table(summary: &PredictionSummary, data: &str, synthetic: bool) -> Table {
    let PredictionSummary {
        encrypt_seconds,
        transfer_seconds,
        evaluate_seconds,
        decrypt_seconds,
        threads,
        ..
    } = *summary;
    let seconds = encrypt_seconds + transfer_seconds + evaluate_seconds + decrypt_seconds;
    let data = if synthetic { format!("{data} (SYNTHETIC digits)") } else { data.to_owned() };
    let parameters = &summary.parameters;
    let megabytes = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let rows = [
        (
            "images",
            format!("{} of {data}, in {}", summary.images, counted(summary.batches, "batch", "batches")),
        ),
        ("correct", format!("{} ({:.2} %)", summary.correct, 100.0 * summary.accuracy)),
        ("logits that differ from the oracle", summary.mismatches.to_string()),
        ("images beyond the plaintext modulus", summary.range.images_outside.to_string()),
        (
            "seconds",
            format!(
                "{seconds:.2}: encryption {encrypt_seconds:.2}, transfer {transfer_seconds:.2}, evaluation \
                 {evaluate_seconds:.2}, decryption {decrypt_seconds:.2}; {threads} threads"
            ),
        ),
        (
            "a batch",
            format!("{} up, {} down", megabytes(summary.upload_bytes), megabytes(summary.download_bytes)),
        ),
        (
            "parameters",
            format!(
                "N = {}, t of {:.1} bits in {}, Q of {:.0} of {} bits, {} encryption",
                parameters.degree,
                parameters.plaintext_bits,
                parameters.plaintext_moduli.len(),
                parameters.ciphertext_modulus_bits,
                parameters.security_limit_bits,
                parameters.encryption
            ),
        ),
        (
            "noise",
            format!(
                "{} bits in the answers, {} more would fit",
                parameters.noise_bits, parameters.noise_budget_bits
            ),
        ),
        ("evaluator", summary.evaluator.clone()),
    ];
    Table {
        title: "Predictions under encryption".to_owned(),
        header: vec!["".to_owned(), "measured".to_owned()],
        rows: rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect(),
        notes: Vec::new(),
    }
}
