//! The result of an import, as a table and as JSON.

use std::path::Path;

use serde_json::{Value, json};
use sottovoce_dataset::DataSet;
use sottovoce_export::import::{
    AccuracyRow, AccuracyRowKind, AccuracySummary, ImportedMembers, QuantisationOptions, QuantisedEnsemble,
    ScalesChoice,
};
use sottovoce_network::Architecture;
use sottovoce_table::Table;

use crate::output;

/// The table of accuracy against bits of logits.
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
            "Bits: size of the plaintext modulus for the largest logit on the {} training images by which ranges and scales \
             are chosen. Agreement: test images that are classified as in floating point.",
            images(|row| row.training.images)
        ),
        format!(
            "The chosen network was evaluated in exact integers on all {} test images; its largest logit on training images is {}.",
            images(|row| row.test.images),
            outcome.observed.largest()
        ),
    ];
    if outcome.equalised {
        notes.push(
            "Scales refer to equalised weights. To get the networks of a row again, set its levels and scales as `pixel_levels = \
             ...`, `scales = [...]` and `equalise = true` in [quantisation]."
                .to_owned(),
        );
    }
    if searched {
        notes.push(format!(
            "Chosen: the candidate with the fewest bits that loses at most {tolerance} percentage points \
             (`quantisation.tolerance`) on the training images. Each other row is the best candidate with about its number of \
             bits.",
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

/// The result as JSON.
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
            AccuracyRowKind::Float => output::add_field(&mut value, "kind", "float"),
            AccuracyRowKind::Rounded { candidate, largest_weights, chosen } => {
                let kind = if chosen { "chosen" } else { "candidate" };
                output::add_field(&mut value, "kind", kind);
                output::add_field(&mut value, "pixel_levels", u16::from(candidate.levels));
                output::add_field(&mut value, "scales", candidate.scales);
                output::add_field(&mut value, "largest_weights", largest_weights);
                output::add_field(&mut value, "bits", row.training.bits());
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
        "logit_scale": outcome.ensemble.members().first().map(|member| member.logit_scale()),
        // A string, because the number may be too large for JSON.
        "observed_logits": outcome.observed.largest().to_string(),
        "rows": rows.collect::<Vec<_>>(),
    })
}
