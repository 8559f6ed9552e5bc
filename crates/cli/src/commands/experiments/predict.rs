//! `predict`: classification of a data set's test images under encryption, with exported networks.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use sottovoce_bfv::planner::TransferRate;
use sottovoce_dataset::LabelledImages;
use sottovoce_evaluate::{
    FormPlan, PredictionSummary, RangedEnsemble, Session, encode_predictions, predict_images,
};
use sottovoce_network::disk::sha256;
use sottovoce_table::Table;

use super::exactness::{EXIT_MISMATCH, Exactness};
use super::import;
use crate::args::experiments::data_options::SharedOptions;
use crate::args::exported_networks::PredictOptions;
use crate::commands::exported_networks;
use crate::commands::form_choice::FormChoice;
use crate::files;
use crate::json_files::{fingerprint, write_json};
use crate::machine::{Machine, Source};
use crate::output::{self, counted, to_value};
use crate::progress::StageProgress;
use crate::stages::data as data_stage;

pub fn run(arguments: &PredictOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let PredictOptions { weights: folder, data, images, form, policy, evaluator, out, replace } = arguments;
    let imported;
    let folder = if folder.is_file() {
        imported = import::import_once(folder, data, shared)?;
        &imported
    } else {
        folder
    };
    let exported = exported_networks::read(folder)?;
    let ranged = RangedEnsemble::from(&exported);
    let policy = policy.policy(ranged.observed_logit.is_some())?;
    let out = match out {
        Some(out) => out.clone(),
        None => Path::new("results/predictions").join(exported_networks::name(folder)?),
    };
    // Created first, so that an error appears before minutes are spent.
    fs::create_dir_all(&out).with_context(|| format!("cannot make the folder {}", out.display()))?;
    let side = exported.ensemble.architecture().image_side;
    let data = data_stage::open(data, usize::MAX, images.unwrap_or(usize::MAX), shared)?;
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
    let input_hash = input_hash(folder, &data.test)?;
    if !replace {
        check_earlier(&out, &input_hash)?;
    }
    output::warn_of_range(policy.range);
    // Client and provider are in this process.
    let (rule, rate) = (form.rule(), TransferRate::IN_PROCESS);
    let plan = FormPlan::new(&policy, &[ranged], data.test.len(), evaluator, rule, rate)?;
    let form = FormChoice::of(&plan, rule, data.test.len(), rate);
    let session = Session::with_parameters(plan.chosen().clone(), policy.range, &[ranged], evaluator)?;
    let progress = StageProgress::new("predict".to_owned());
    let (predictions, summary) = predict_images(ranged, &session, &data.test, &progress)?;
    let csv = encode_predictions(&predictions).context("cannot write predictions as CSV")?;
    files::write(&out.join("predictions.csv"), &csv)?;
    let record = json!({
        "inputs": input_hash,
        "dataset": data.name,
        "synthetic": data.is_synthetic(),
        "sha256": data.checksums,
        "networks": exported.origin.provenance,
        "summary": to_value(&summary),
        "evaluation": form.record(),
        "machine": to_value(&Machine::here()),
        "source": to_value(&Source::here()),
    });
    write_json(&out.join("predictions.json"), &record)?;
    if shared.json {
        output::json(&json!({ "folder": out, "record": record }));
    } else {
        output::result(&table(&summary, &data.name, data.is_synthetic(), &form).to_text());
        output::result(&format!("Predictions and logits are in {}.", out.join("predictions.csv").display()));
    }
    let exactness =
        Exactness { mismatches: summary.mismatches, images_outside: summary.range.images_outside };
    exactness.warn("predictions", "raise --range-margin, or use --range proven");
    Ok(if exactness.is_exact() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_MISMATCH) })
}

/// Hash of everything that predictions are made from: the networks, the images and their labels. Encryption parameters are not
/// part of it, because logits are exact under any parameters.
fn input_hash(weights: &Path, images: &LabelledImages) -> Result<String> {
    // The index has the checksums of all other files of the networks.
    let index = weights.join("ensemble.json");
    let index = fs::read(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let pixels: Vec<u8> = images.iter().flatten().copied().collect();
    fingerprint(&(sha256(&index), images.side(), sha256(&pixels), sha256(images.labels())))
}

/// Refuses to replace predictions in the folder `out` that were made from other inputs.
fn check_earlier(out: &Path, input_hash: &str) -> Result<()> {
    let record = out.join("predictions.json");
    let earlier = fs::read(&record).ok().and_then(|json| serde_json::from_slice::<Value>(&json).ok());
    if earlier.is_some_and(|record| record.get("inputs").is_some_and(|earlier| earlier == input_hash)) {
        return Ok(());
    }
    ensure!(
        !record.exists() && !out.join("predictions.csv").exists(),
        "{} has predictions of other weights or images; choose another folder with --out, or replace them with --replace",
        out.display()
    );
    Ok(())
}

fn table(summary: &PredictionSummary, data: &str, synthetic: bool, form: &FormChoice) -> Table {
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
            "messages per batch",
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
                "{} in the answers, {} of noise budget left",
                counted(parameters.noise_bits, "bit", "bits"),
                counted(parameters.noise_budget_bits, "bit", "bits")
            ),
        ),
        ("evaluator", summary.evaluator.clone()),
    ];
    Table {
        title: "Predictions under encryption".to_owned(),
        header: vec!["".to_owned(), "measured".to_owned()],
        rows: rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect(),
        notes: vec![form.describe()],
    }
}
