//! Table of the points of a sweep.

use std::collections::HashMap;

use sottovoce_table::{ABSENT, Table};

use crate::data::statistics::summary::Estimate;
use crate::data::sweep_records::SweepRecords;
use crate::data::sweep_table::Row;
use crate::data::wording::thousands;

/// A column of the table: heading, measured column, factor, and number of decimals.
type Column = (&'static str, &'static str, f64, usize);

/// Measured columns of the ensemble under encryption, as means over the seeds.
const COLUMNS: [Column; 8] = [
    ("t, bits", "plaintext_bits", 1.0, 1),
    ("Q, bits", "ciphertext_bits", 1.0, 0),
    ("upload, MB", "upload_bytes", 1e-6, 2),
    ("answer, MB", "answer_bytes", 1e-6, 2),
    ("hidden weights, %", "hidden_density", 100.0, 1),
    ("noise budget, bits", "noise_budget_bits", 1.0, 1),
    ("training, s", "training_seconds", 1.0, 1),
    ("provider, s", "provider_seconds", 1.0, 3),
];

/// Table with a row for each point: axis values, accuracy of the ensemble, and cost of encryption.
pub(crate) fn points_table(records: &SweepRecords) -> Table {
    let measure = |name: &str| records.measure(name);
    let columns: Vec<(usize, Column)> =
        COLUMNS.iter().filter_map(|column| Some((measure(column.1)?, *column))).collect();
    let accuracy = measure("accuracy");
    let mut header: Vec<String> =
        if records.axes.is_empty() { vec!["point".to_owned()] } else { records.axes.clone() };
    header
        .extend(["seeds", "encrypted, %", "± 95 %", "float, %", "mismatches", "outside"].map(str::to_owned));
    header.extend(columns.iter().map(|(_, column)| column.0.to_owned()));
    let mut by_point: HashMap<&str, Vec<&Row>> = HashMap::new();
    for row in &records.rows {
        by_point.entry(&row.point).or_default().push(row);
    }
    let rows = records
        .points()
        .into_iter()
        .map(|point| {
            let all: &[&Row] = by_point.get(point).map_or(&[], Vec::as_slice);
            let ensemble = |domain: &str| -> Vec<&Row> {
                all.iter().copied().filter(|row| row.voter == "ensemble" && row.domain == domain).collect()
            };
            let encrypted = ensemble("encrypted");
            let mut cells: Vec<String> = match all.first() {
                Some(first) if !records.axes.is_empty() => first.values.clone(),
                _ => vec![point.to_owned()],
            };
            let estimate = |rows: &[&Row]| {
                let percents = rows.iter().filter_map(|row| Some(row.number(accuracy?)? * 100.0));
                Estimate::of(&percents.filter(|percent| percent.is_finite()).collect::<Vec<_>>())
            };
            let number = |value: Option<f64>, decimals: usize| {
                value.map_or_else(|| ABSENT.to_owned(), |value| format!("{value:.decimals$}"))
            };
            let measured = estimate(&encrypted);
            cells.push(encrypted.len().to_string());
            cells.push(number(measured.map(|estimate| estimate.mean), 2));
            cells.push(number(measured.and_then(|estimate| estimate.half_width), 2));
            cells.push(number(estimate(&ensemble("float")).map(|estimate| estimate.mean), 2));
            cells.push(count(all, measure("mismatches")));
            cells.push(count(&encrypted, measure("outside")));
            for (index, (_, _, factor, decimals)) in &columns {
                let values: Vec<f64> = encrypted.iter().filter_map(|row| row.number(*index)).collect();
                cells.push(number(Estimate::of(&values).map(|estimate| estimate.mean * factor), *decimals));
            }
            cells
        })
        .collect();
    Table {
        title: "Points of the sweep".to_owned(),
        header,
        rows,
        notes: vec![
            "Encrypted and float: mean test accuracy of the ensemble over the seeds, with half the width of its 95 % \
             interval (Student's t). Mismatches: decrypted logits of all voters and seeds that differ from the integer \
             oracle. Outside: test images with a logit beyond the plaintext modulus t, over all seeds. Q: ciphertext \
             modulus. Hidden weights: those that are not zero. Seconds are for all test batches."
                .to_owned(),
        ],
    }
}

/// The sum of a column over rows with a number.
fn count(rows: &[&Row], column: Option<usize>) -> String {
    let numbers = rows.iter().filter_map(|row| row.number(column?)).filter(|number| number.is_finite());
    // Counts of logits and images.
    numbers.reduce(|sum, number| sum + number).map_or_else(|| ABSENT.to_owned(), |sum| thousands(sum as u64))
}
