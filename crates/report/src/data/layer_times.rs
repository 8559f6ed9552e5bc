//! Seconds of each layer for one batch, ours beside the paper's Table 3.

use std::collections::BTreeSet;

use sottovoce_evaluate::records::LayerRow;

use crate::data::baseline::Baseline;
use crate::data::paper;
use crate::data::paper_scope::PaperScope;
use crate::data::statistics::summary::median;
use crate::data::values::distinct;
use crate::data::voter::{UnknownVoter, Voter};

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
    /// Whether the paper's seconds are beside.
    pub(crate) has_paper: bool,
}

/// Seconds of one layer for one batch.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerSeconds {
    pub(crate) layer: String,
    /// One member's, the mean over members, with everything that the members share.
    pub(crate) member: Option<f64>,
    /// All members'.
    pub(crate) ensemble: Option<f64>,
    /// The paper's, of one member.
    pub(crate) paper: Option<f64>,
}

impl LayerTimes {
    /// Medians over batches, settings and seeds; baselines are other ensembles and left out, unless there is nothing
    /// else. The paper's seconds come along where `scope` has times.
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
        let listed = &layers[..paper::LAYER_SECONDS.len()];
        let sum = LayerSeconds {
            layer: if has_paper { "Sum of the paper's layers" } else { "Sum of encryption and layers" }
                .to_owned(),
            member: listed.iter().map(|times| times.member).sum(),
            ensemble: listed.iter().map(|times| times.ensemble).sum(),
            paper: has_paper.then(|| listed.iter().filter_map(|times| times.paper).sum()),
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
        // Members differ: the first one finds its inputs in a farther cache. So their medians add up to the ensemble's.
        let medians: Vec<f64> =
            voters.iter().filter(|voter| **voter != Voter::Ensemble).filter_map(seconds).collect();
        let own = (!medians.is_empty()).then(|| medians.iter().sum::<f64>());
        // A member by itself would need all of what the members share.
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
