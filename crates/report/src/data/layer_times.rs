//! Seconds of each layer for one batch, with those of the paper's Table 3.

use std::collections::BTreeSet;

use sottovoce_evaluate::records::LayerRow;

use crate::data::baseline::Baseline;
use crate::data::paper;
use crate::data::paper_scope::PaperScope;
use crate::data::statistics::summary::median;
use crate::data::values::distinct;
use crate::data::voter::{UnknownVoter, Voter};

/// Times of the layers in `layers.csv`. The layers of the paper come first, in the paper's order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerTimes {
    pub(crate) layers: Vec<LayerSeconds>,
    /// Sum over the paper's layers; absent if one of them was not measured.
    pub(crate) sum: LayerSeconds,
    /// Number of members of the ensemble.
    pub(crate) members: usize,
    /// Number of batches measured in all settings together.
    pub(crate) batches: usize,
    /// Numbers of worker threads, separated by commas.
    pub(crate) threads: String,
    /// True if the paper's seconds are shown as well.
    pub(crate) has_paper: bool,
}

/// Seconds of one layer for one batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerSeconds {
    pub(crate) layer: String,
    /// Seconds of one member: the mean over members, plus the work that the members share.
    pub(crate) member: Option<f64>,
    /// Seconds of all members together, including shared work.
    pub(crate) ensemble: Option<f64>,
    /// The paper's seconds of one member.
    pub(crate) paper: Option<f64>,
}

impl LayerTimes {
    /// Computes medians over batches, settings and seeds. Baselines are other ensembles: their rows are used only if there
    /// are no others. The paper's seconds are included if `scope` has times.
    pub(crate) fn gather(rows: &[LayerRow], scope: &PaperScope) -> Result<Self, UnknownVoter> {
        let of_sweeps: Vec<&LayerRow> =
            rows.iter().filter(|row| Baseline::from_split(&row.split).is_none()).collect();
        let rows = if of_sweeps.is_empty() { rows.iter().collect() } else { of_sweeps };
        let voters: BTreeSet<Voter> = rows.iter().map(|row| row.voter.parse()).collect::<Result<_, _>>()?;
        let members = voters.iter().filter(|voter| **voter != Voter::Ensemble).count();
        let has_paper = scope.has_times();
        let papers = paper::LAYER_SECONDS.iter().map(|(layer, _)| *layer);
        let names = distinct(papers.chain(rows.iter().map(|row| row.layer.as_str())));
        let layers: Vec<LayerSeconds> =
            names.iter().map(|layer| LayerSeconds::of(layer, &rows, &voters, has_paper)).collect();
        let listed = || layers.iter().take(paper::LAYER_SECONDS.len());
        let sum = LayerSeconds {
            layer: if has_paper { "Sum of the paper's layers" } else { "Sum of encryption and layers" }
                .to_owned(),
            member: listed().map(|times| times.member).sum(),
            ensemble: listed().map(|times| times.ensemble).sum(),
            paper: has_paper.then(|| listed().filter_map(|times| times.paper).sum()),
        };
        let threads: BTreeSet<usize> = rows.iter().map(|row| row.threads).collect();
        // One row for every batch of every setting and seed.
        let batches = rows.iter().filter(|row| row.layer == paper::LAYER_SECONDS[0].0).count();
        let threads: Vec<String> = threads.iter().map(usize::to_string).collect();
        Ok(Self { layers, sum, members, batches, threads: threads.join(", "), has_paper })
    }

    /// Seconds of the paper's layers without encryption, for all members.
    pub(crate) fn ensemble_without_encryption(&self) -> Option<f64> {
        let encryption = self.layers.first()?.ensemble?;
        Some(self.sum.ensemble? - encryption)
    }
}

impl LayerSeconds {
    fn of(layer: &str, rows: &[&LayerRow], voters: &BTreeSet<Voter>, has_paper: bool) -> Self {
        let rows = || rows.iter().filter(|row| row.layer == layer);
        let seconds = |voter: &Voter| {
            median(rows().filter(|row| row.voter.parse() == Ok(*voter)).map(|row| row.seconds))
        };
        let shared = seconds(&Voter::Ensemble);
        // The members' medians differ, since the first member finds its inputs in a slower cache. The ensemble's time is their sum.
        let medians: Vec<f64> =
            voters.iter().filter(|voter| **voter != Voter::Ensemble).filter_map(seconds).collect();
        let own = (!medians.is_empty()).then(|| medians.iter().sum::<f64>());
        // A single member needs all of the shared work.
        let add = |own: Option<f64>| match (shared, own) {
            (None, None) => None,
            (shared, own) => Some(shared.unwrap_or(0.0) + own.unwrap_or(0.0)),
        };
        Self {
            layer: layer.to_owned(),
            member: add(own.map(|own| own / medians.len() as f64)),
            ensemble: add(own),
            paper: paper::layer_seconds(layer).filter(|_| has_paper),
        }
    }
}
