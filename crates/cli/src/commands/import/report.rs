//! What an import prints.

use std::path::Path;

use serde_json::{Value, json};
use sottovoce_dataset::DataSet;
use sottovoce_export::import::{
    AccuracyRow, AccuracyRowKind, AccuracySummary, ImportedMembers, QuantisationOptions, QuantisedEnsemble,
    ScalesChoice,
};
use sottovoce_network::Architecture;
use sottovoce_report::table::Table;

use crate::output;

/// Accuracy against bits.
pub fn table(name: &str, plan: &QuantisationOptions, data: &DataSet, outcome: &QuantisedEnsemble) -> Table {
    let (searched, tolerance) = (plan.scales == ScalesChoice::Search, plan.tolerance);
    let absent = || "–".to_owned();
    let row = |row: &AccuracyRow| {
        let percent = |value: f64| format!("{value:.2}");
        let [kind, levels, scales, weights, bits] = match row.kind {
            AccuracyRowKind::Float => ["float".to_owned(), absent(), absent(), absent(), absent()],
            AccuracyRowKind::Rounded { candidate, largest_weights, chosen } => [
                if chosen { "CHOSEN" } else { "" }.to_owned(),
                u16::from(candidate.levels).to_string(),
                candidate.scales.to_string(),
                largest_weights.map(|weight| weight.to_string()).join(", "),
                format!("{:.1}", row.training.bits()),
            ],
        };
        let agreement =
            if row.kind == AccuracyRowKind::Float { absent() } else { percent(row.test.agreement()) };
        let (training, test) = (percent(row.training.accuracy()), percent(row.test.accuracy()));
        vec![kind, levels, scales, weights, bits, training, test, agreement]
    };
    let float = outcome.rows.first();
    let images = |judged: fn(&AccuracyRow) -> usize| float.map_or(0, judged);
    let mut notes = vec![
        format!(
            "Bits: what a plaintext modulus needs for the largest logit on the {} training images that ranges and scales \
             go by. Agreement: test images that are classified as in floating point.",
            images(|row| row.training.images)
        ),
        format!(
            "The chosen one was evaluated in exact integers on all {} test images; its largest logit on training images is {}.",
            images(|row| row.test.images),
            outcome.observed.largest()
        ),
    ];
    if outcome.equalised {
        notes.push(
            "Scales refer to equalised weights: a row is made again by its levels and scales, as `pixel_levels = ...`, `scales = \
             [...]` and `equalise = true` in [quantisation]."
                .to_owned(),
        );
    }
    if searched {
        notes.push(format!(
            "Chosen: of all candidates that lose at most {tolerance} points (`quantisation.tolerance`) on the training images, the \
             one with the fewest bits. The others are the best of about as many bits each.",
        ));
    }
    if data.is_synthetic() {
        notes.push("SYNTHETIC digits: these accuracies are not MNIST's.".to_owned());
    }
    let header = [
        "",
        "levels",
        "scales",
        "largest weights",
        "bits",
        "training images, %",
        "test images, %",
        "agreement, %",
    ];
    let synthetic = if data.is_synthetic() { ", SYNTHETIC digits" } else { "" };
    Table {
        title: format!("Accuracy against bits: {name}{synthetic}"),
        header: header.map(str::to_owned).to_vec(),
        rows: outcome.rows.iter().map(row).collect(),
        notes,
    }
}

/// The same for scripts.
pub fn to_json(
    name: &str,
    out: &Path,
    architecture: &Architecture,
    imported: &ImportedMembers,
    data: &DataSet,
    outcome: &QuantisedEnsemble,
) -> Value {
    let judged = |judgement: &AccuracySummary| {
        json!({
            "images": judgement.images,
            "accuracy": judgement.accuracy() / 100.0,
            "agreement": judgement.agreement() / 100.0,
        })
    };
    let rows = outcome.rows.iter().map(|row| {
        let mut value = json!({ "training": judged(&row.training), "test": judged(&row.test) });
        match row.kind {
            AccuracyRowKind::Float => value["kind"] = json!("float"),
            AccuracyRowKind::Rounded { candidate, largest_weights, chosen } => {
                value["kind"] = json!(if chosen { "chosen" } else { "candidate" });
                value["pixel_levels"] = json!(u16::from(candidate.levels));
                value["scales"] = json!(candidate.scales);
                value["largest_weights"] = json!(largest_weights);
                value["bits"] = json!(row.training.bits());
            }
        }
        value
    });
    json!({
        "name": name,
        "ensemble": out,
        "architecture": output::to_value(architecture),
        "members": imported.members.len(),
        "files": imported.files,
        "unread_tensors": imported.unread_tensors,
        "dataset": data.name,
        "synthetic": data.is_synthetic(),
        "equalised": outcome.equalised,
        "logit_scale": outcome.ensemble.members()[0].logit_scale(),
        // Beyond JSON's numbers.
        "observed_logits": outcome.observed.largest().to_string(),
        "rows": rows.collect::<Vec<_>>(),
    })
}
