//! Seconds of each layer for one batch, ours beside the paper's Table 3.

use std::collections::BTreeSet;

use sottovoce_evaluate::records::LayerRow;

use crate::paper;
use crate::statistics::summary::median;
use crate::tables::ABSENT;
use crate::voter::{UnknownVoter, Voter};

/// The layers of `layers.csv`: the paper's first, in its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerTimes {
    pub(crate) layers: Vec<LayerSeconds>,
    /// Of the paper's layers; absent where one of them was not measured.
    pub(crate) sum: LayerSeconds,
    /// Members of the ensemble.
    pub(crate) members: usize,
    /// Batches measured, over all settings.
    pub(crate) batches: usize,
    /// Numbers of worker threads, such as `2`.
    pub(crate) threads: String,
}

/// Seconds of one layer for one batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerSeconds {
    pub(crate) layer: String,
    /// One member's, with everything that the members share.
    pub(crate) member: Option<f64>,
    /// All members'.
    pub(crate) ensemble: Option<f64>,
    /// The paper's, of one member.
    pub(crate) paper: Option<f64>,
}

impl LayerTimes {
    /// Medians over batches, settings and members.
    pub(crate) fn gather(rows: &[LayerRow]) -> Result<Self, UnknownVoter> {
        let voters: BTreeSet<Voter> = rows.iter().map(|row| row.voter.parse()).collect::<Result<_, _>>()?;
        let members = voters.iter().filter(|voter| **voter != Voter::Ensemble).count();
        let mut names: Vec<&str> = paper::LAYER_SECONDS.iter().map(|(layer, _)| *layer).collect();
        for row in rows {
            if !names.contains(&row.layer.as_str()) {
                names.push(&row.layer);
            }
        }
        let layers: Vec<LayerSeconds> =
            names.iter().map(|layer| LayerSeconds::of(layer, rows, members)).collect();
        let listed = &layers[..paper::LAYER_SECONDS.len()];
        let sum = LayerSeconds {
            layer: "Sum of the paper's layers".to_owned(),
            member: listed.iter().map(|times| times.member).sum(),
            ensemble: listed.iter().map(|times| times.ensemble).sum(),
            paper: listed.iter().map(|times| times.paper).sum(),
        };
        let threads: BTreeSet<usize> = rows.iter().map(|row| row.threads).collect();
        let batches: BTreeSet<_> = rows.iter().map(|row| (&row.split, row.setting, row.batch)).collect();
        let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
        Ok(Self { layers, sum, members, batches: batches.len(), threads: threads.join(", ") })
    }

    /// Seconds of the paper's layers without encryption, for all members.
    pub(crate) fn ensemble_without_encryption(&self) -> Option<f64> {
        let encryption = self.layers.first()?.ensemble?;
        Some(self.sum.ensemble? - encryption)
    }
}

impl LayerSeconds {
    fn of(layer: &str, rows: &[LayerRow], members: usize) -> Self {
        // Rows have no seed: those alike in all else are of several seeds and count as batches of their own.
        let seconds = |shared: bool| {
            let of_voter = |row: &&LayerRow| (row.voter.parse() == Ok(Voter::Ensemble)) == shared;
            median(rows.iter().filter(|row| row.layer == layer).filter(of_voter).map(|row| row.seconds))
        };
        // A member by itself would need all of what the members share.
        let (shared, own) = (seconds(true), seconds(false));
        let add = |own: Option<f64>| match (shared, own) {
            (None, None) => None,
            (shared, own) => Some(shared.unwrap_or(0.0) + own.unwrap_or(0.0)),
        };
        Self {
            layer: layer.to_owned(),
            member: add(own),
            ensemble: add(own.map(|own| own * members as f64)),
            paper: paper::layer_seconds(layer),
        }
    }

    /// How many times as long as ours the paper's took.
    pub(crate) fn ratio_text(&self) -> String {
        match (self.member, self.paper) {
            (Some(ours), Some(paper)) if ours > 0.0 => format!("{:.1}×", paper / ours),
            _ => ABSENT.to_owned(),
        }
    }
}
