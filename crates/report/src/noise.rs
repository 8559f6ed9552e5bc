//! What came of predicting noise: a summary by stage, and the chart.

use std::path::Path;

use serde::Serialize;
use sottovoce_evaluate::records::NoiseRow;
use sottovoce_network::atomic_file;

use crate::caption::Caption;
use crate::chart::noise::NoiseFigure;
use crate::distinct::distinct;
use crate::figure;
use crate::figure_accuracy::FigureError;
use crate::report::ReportError;
use crate::table::Table;
use crate::typeface::Typeface;

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

/// The summaries as a table.
#[must_use]
pub fn noise_table(summaries: &[NoiseSummary]) -> Table {
    let row = |summary: &NoiseSummary| {
        vec![
            summary.evaluator.clone(),
            summary.stage.clone(),
            summary.networks.to_string(),
            summary.within.to_string(),
            format!("{:.2} to {:.2}", summary.least_gap_bits, summary.most_gap_bits),
            format!("{:+.2} to {:+.2}", -summary.most_below_bits, summary.most_above_bits),
        ]
    };
    Table {
        title: "Measured against predicted noise".to_owned(),
        header: [
            "evaluator",
            "stage",
            "networks",
            "within",
            "bound - largest, bits",
            "deviation - predicted, bits",
        ]
        .map(str::to_owned)
        .to_vec(),
        rows: summaries.iter().map(row).collect(),
        notes: vec![format!(
            "Within: no coefficient is above the bound, and the largest at most {MOST_GAP_BITS:.0} bits below it."
        )],
    }
}

/// Draws `noise.svg` and `noise.png` into `folder`.
///
/// # Errors
/// If there are no rows, or a file cannot be drawn or written.
pub fn write_noise_figure(rows: &[NoiseRow], folder: &Path) -> Result<(), ReportError> {
    let records = folder.join("noise.csv");
    if rows.is_empty() {
        return Err(ReportError::NoRows { path: records });
    }
    let networks = distinct(rows.iter().map(|row| row.network)).len();
    let caption = Caption {
        title: "Measured against predicted noise".to_owned(),
        dataset: format!("{networks} random networks"),
        synthetic: false,
    };
    let broken = |source| ReportError::Figure { path: records.clone(), source };
    let typeface = Typeface::shipped().map_err(|_| broken(FigureError::Font))?;
    let drawing = NoiseFigure::new(rows, &caption).map_err(broken)?;
    let (svg, png) = (folder.join("noise.svg"), folder.join("noise.png"));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Draw { path, source }
    };
    let svg_text = figure::svg(&drawing, &typeface).map_err(failed(&svg))?;
    let png_bytes = figure::png(&drawing, &typeface).map_err(failed(&png))?;
    for (path, bytes) in [(&svg, svg_text.as_bytes()), (&png, &png_bytes[..])] {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(())
}
