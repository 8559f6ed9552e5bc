//! Made-up records.

use sottovoce_evaluate::records::{AccuracyRow, Domain, LayerRow};

pub const RANGES: [(f64, f64); 6] =
    [(0.5, 0.6), (0.6, 0.7), (0.7, 0.8), (0.8, 0.9), (0.9, 0.95), (0.95, 0.99)];

/// A sweep of 10,000 images a setting, every voter measured in all three domains.
pub fn sweep(split: &str, settings: usize, members: usize, seeds: u64) -> Vec<AccuracyRow> {
    let mut rows = Vec::new();
    for setting in 1..=settings {
        for seed in 1..=seeds {
            let members = (1..=members).map(|number| (format!("member-{number}"), 9_500 + 7 * number));
            for (voter, correct) in members.chain([("ensemble".to_owned(), 9_870)]) {
                for domain in [Domain::Float, Domain::Integer, Domain::Encrypted] {
                    let correct = correct - 10 * setting + seed as usize;
                    rows.push(AccuracyRow {
                        split: split.to_owned(),
                        setting,
                        share_low: RANGES[setting - 1].0,
                        share_high: RANGES[setting - 1].1,
                        seed,
                        voter: voter.clone(),
                        images: 10_000,
                        correct,
                        accuracy: correct as f64 / 10_000.0,
                        domain,
                        mismatches: (domain == Domain::Encrypted).then_some(0),
                    });
                }
            }
        }
    }
    rows
}

/// One row of `layers.csv` for the regular split.
pub fn layer(setting: usize, voter: &str, batch: usize, layer: &str, seconds: f64) -> LayerRow {
    let (voter, layer) = (voter.to_owned(), layer.to_owned());
    LayerRow { split: "regular".to_owned(), setting, voter, batch, layer, seconds, threads: 2 }
}
