//! Measured noise compared with predicted noise, by evaluator and stage.

use serde::Serialize;
use sottovoce_evaluate::records::NoiseRow;

use crate::data::values::distinct;

/// Largest distance in bits between the predicted bound and the largest measured noise that counts as agreement.
pub(crate) const MAX_GAP_BITS: f64 = 4.0;

/// Stages of `noise.csv` in order, each with its name in charts and tables.
pub(crate) const STAGES: [(&str, &str); 6] = [
    ("fresh", "fresh"),
    ("convolution", "convolution"),
    ("square", "squares"),
    ("hidden", "hidden units"),
    ("logits", "logits"),
    ("answer", "switched answer"),
];

/// Noise of one evaluator at one stage, summarised over all networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseSummary {
    /// `engine`, `reference` or `packed`.
    pub evaluator: String,
    /// Name of the stage in `noise.csv`.
    pub stage: String,
    /// Number of networks measured.
    pub networks: usize,
    /// Number of networks whose largest noise is at most the bound and at most 4 bits below it.
    pub within: usize,
    /// Smallest distance from the largest noise up to the bound, in bits.
    pub least_gap_bits: f64,
    /// Largest distance from the largest noise up to the bound, in bits.
    pub most_gap_bits: f64,
    /// Largest excess of the standard deviation over its prediction, in bits.
    pub most_above_bits: f64,
    /// Largest shortfall of the standard deviation below its prediction, in bits. Noise below 1 is left out.
    pub most_below_bits: f64,
}

impl NoiseSummary {
    /// Summarises rows by evaluator and stage.
    #[must_use]
    pub fn of(rows: &[NoiseRow]) -> Vec<Self> {
        let mut summaries = Vec::new();
        for evaluator in distinct(rows.iter().map(|row| row.evaluator.as_str())) {
            for (stage, _) in STAGES {
                let rows: Vec<&NoiseRow> =
                    rows.iter().filter(|row| row.evaluator == evaluator && row.stage == stage).collect();
                if !rows.is_empty() {
                    summaries.push(Self::of_stage(evaluator, stage, &rows));
                }
            }
        }
        summaries
    }

    fn of_stage(evaluator: &str, stage: &str, rows: &[&NoiseRow]) -> Self {
        let gaps = || rows.iter().map(|row| row.gap_bits());
        let above = rows
            .iter()
            .filter(|row| row.measured_deviation_bits > 0.0)
            .map(|row| row.measured_deviation_bits - row.predicted_bits);
        Self {
            evaluator: evaluator.to_owned(),
            stage: stage.to_owned(),
            networks: rows.len(),
            within: gaps().filter(|gap| (0.0..=MAX_GAP_BITS).contains(gap)).count(),
            least_gap_bits: gaps().fold(f64::INFINITY, f64::min),
            most_gap_bits: gaps().fold(f64::NEG_INFINITY, f64::max),
            most_above_bits: above.clone().fold(0.0, f64::max),
            most_below_bits: above.fold(0.0, |most, bits| f64::max(most, -bits)),
        }
    }

    /// Returns whether prediction and measurement agree for every network. The noise of the reference evaluator may be lower
    /// than predicted, since it depends on few roots, and so may that of packed evaluation, since the prediction does not depend on the weights
    /// (`docs/noise.md`).
    #[must_use]
    pub fn holds(&self) -> bool {
        self.least_gap_bits >= 0.0 && (self.within == self.networks || self.evaluator != "engine")
    }
}
