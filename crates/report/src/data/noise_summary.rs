//! Measured noise compared with predicted noise, by evaluator and stage.

use serde::Serialize;
use sottovoce_evaluate::records::NoiseRow;

use crate::data::values::distinct;

/// The prediction should be within so many bits of the measurement.
pub(crate) const MOST_GAP_BITS: f64 = 4.0;

/// The stages in `noise.csv`, in order, with their names in charts and tables.
pub(crate) const STAGES: [(&str, &str); 4] =
    [("fresh", "fresh"), ("hidden", "hidden units"), ("logits", "logits"), ("answer", "switched answer")];

/// One evaluator's noise at one stage, over all networks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NoiseSummary {
    /// `engine` or `reference`.
    pub evaluator: String,
    /// The stage's name as in `noise.csv`.
    pub stage: String,
    /// Networks measured.
    pub networks: usize,
    /// Networks whose noise is within the bound, and the bound within 4 bits of the noise.
    pub within: usize,
    /// The fewest bits between the largest noise and the bound.
    pub least_gap_bits: f64,
    /// The most.
    pub most_gap_bits: f64,
    /// The most bits by which the standard deviation is above its prediction.
    pub most_above_bits: f64,
    /// The most bits by which it is below; noise below 1 is left out.
    pub most_below_bits: f64,
}

impl NoiseSummary {
    /// Evaluator by evaluator, stage by stage.
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
            within: gaps().filter(|gap| (0.0..=MOST_GAP_BITS).contains(gap)).count(),
            least_gap_bits: gaps().fold(f64::INFINITY, f64::min),
            most_gap_bits: gaps().fold(f64::NEG_INFINITY, f64::max),
            most_above_bits: above.clone().fold(0.0, f64::max),
            most_below_bits: above.fold(0.0, |most, bits| f64::max(most, -bits)),
        }
    }

    /// Whether prediction and measurement agree for every network: the reference's noise may be lower than foreseen,
    /// since few roots decide it (`docs/noise.md`).
    #[must_use]
    pub fn holds(&self) -> bool {
        self.least_gap_bits >= 0.0 && (self.within == self.networks || self.evaluator == "reference")
    }
}
