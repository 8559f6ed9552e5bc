//! `predict`: exported networks on a data set's test images, under encryption.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sottovoce_dataset::LabelledImages;
use sottovoce_evaluate::{PredictionSummary, Session, encode_predictions, predict_images};
use sottovoce_network::disk::sha256;
use sottovoce_report::table::Table;

use super::{EXIT_MISMATCH, import, weights};
use crate::args::{Common, PredictOptions};
use crate::machine::{Machine, Source};
use crate::output::{self, counted, to_value};
use crate::progress::StageProgress;
use crate::run_folder::{self, fingerprint};
use crate::stages::{self, need};

pub fn run(arguments: &PredictOptions, common: &Common) -> Result<ExitCode> {
    let PredictOptions { weights: folder, data, images, policy, evaluator, out, replace } = arguments;
    let imported;
    let folder = if folder.is_file() {
        imported = import::exported(folder, data, common)?;
        &imported
    } else {
        folder
    };
    let exported = weights::read(folder)?;
    let need = need(&exported);
    let policy = policy.policy(need.observed_logit.is_some())?;
    let out = match out {
        Some(out) => out.clone(),
        None => Path::new("results/predictions").join(weights::name(folder)?),
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
    let inputs = inputs(folder, &data.test)?;
    if !replace {
        check_earlier(&out, &inputs)?;
    }
    stages::warn_of_range(policy.range);
    let session = Session::new(&[need], &policy, data.test.len(), evaluator)?;
    let progress = StageProgress::new("predict".to_owned());
    let (predictions, summary) = predict_images(need, &session, &data.test, &progress)?;
    let csv = encode_predictions(&predictions).context("cannot write predictions as CSV")?;
    run_folder::write(&out.join("predictions.csv"), &csv)?;
    let record = json!({
        "inputs": inputs,
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

/// Identifies what predictions are made from: the networks, the images and their labels. Encryption parameters are no part
/// of it, because logits are exact under any.
fn inputs(weights: &Path, images: &LabelledImages) -> Result<String> {
    let pixels: Vec<u8> = images.iter().flatten().copied().collect();
    fingerprint(&(weights::fingerprint(weights)?, images.side(), sha256(&pixels), sha256(images.labels())))
}

/// Refuses to replace predictions in the folder `out` that were made from other `inputs`.
fn check_earlier(out: &Path, inputs: &str) -> Result<()> {
    let record = out.join("predictions.json");
    let earlier = fs::read(&record).ok().and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    if earlier.is_some_and(|record| record["inputs"] == inputs) {
        return Ok(());
    }
    ensure!(
        !record.exists() && !out.join("predictions.csv").exists(),
        "{} has predictions already, which are not of these weights and images; choose another folder with --out, or replace \
         them with --replace",
        out.display()
    );
    Ok(())
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
