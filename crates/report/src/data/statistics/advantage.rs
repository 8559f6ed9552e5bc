//! Comparison of the ensemble with its best member, the paper's main claim.

use std::collections::{BTreeMap, BTreeSet};

use sottovoce_evaluate::records::{AccuracyRow, Domain};

use crate::data::baseline::Baseline;
use crate::data::paper;
use crate::data::split_accuracy::split_methods;

/// Accuracies of the ensemble and its best member at one setting under encryption, over seeds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SettingAdvantage {
    pub(crate) split: String,
    /// Number of the setting, from 1.
    pub(crate) setting: usize,
    /// Number of test images with one seed.
    pub(crate) images: usize,
    /// Accuracy of the ensemble with each seed, as a fraction.
    pub(crate) ensemble: Vec<f64>,
    /// Accuracy of the best member with each seed, as a fraction. The best member is chosen on the same test images, so it is
    /// the hardest one to beat.
    pub(crate) best_member: Vec<f64>,
}

impl SettingAdvantage {
    /// Number of seeds with which the ensemble classified more images correctly than every member.
    pub(crate) fn seeds_won(&self) -> usize {
        self.ensemble.iter().zip(&self.best_member).filter(|(ensemble, best)| ensemble > best).count()
    }

    /// Returns whether the ensemble beat every member with every seed.
    pub(crate) fn wins_every_seed(&self) -> bool {
        self.seeds_won() == self.ensemble.len()
    }
}

/// All settings in `rows` except baselines, in the order of the first rows of their split methods. Seeds without an ensemble or
/// without members are left out.
pub(crate) fn advantages(rows: &[AccuracyRow]) -> Vec<SettingAdvantage> {
    let sweeps = split_methods(rows).into_iter().filter(|split| Baseline::from_split(split).is_none());
    sweeps
        .flat_map(|split| {
            let rows: Vec<&AccuracyRow> =
                rows.iter().filter(|row| row.split == split && row.domain == Domain::Encrypted).collect();
            let settings: BTreeSet<usize> = rows.iter().map(|row| row.setting).collect();
            settings.into_iter().filter_map(move |setting| {
                one_setting(split, setting, rows.iter().copied().filter(|row| row.setting == setting))
            })
        })
        .collect()
}

fn one_setting<'a>(
    split: &str,
    setting: usize,
    rows: impl Iterator<Item = &'a AccuracyRow>,
) -> Option<SettingAdvantage> {
    // The ensemble and the best member of each seed.
    let mut seeds: BTreeMap<u64, (Option<f64>, Option<f64>)> = BTreeMap::new();
    let mut images = 0;
    for row in rows {
        images = images.max(row.images);
        let (ensemble, best) = seeds.entry(row.seed).or_default();
        let place = if row.voter == "ensemble" { ensemble } else { best };
        *place = Some(place.map_or(row.accuracy, |so_far| so_far.max(row.accuracy)));
    }
    let pairs = seeds.into_values().filter_map(|(ensemble, best)| Some((ensemble?, best?)));
    let (ensemble, best_member): (Vec<f64>, Vec<f64>) = pairs.unzip();
    let split = split.to_owned();
    (!ensemble.is_empty()).then_some(SettingAdvantage { split, setting, images, ensemble, best_member })
}

/// Returns whether the paper's ensemble beat every member at a setting. `None` if the paper lacks the setting.
pub(crate) fn paper_won(split: &str, setting: usize) -> Option<bool> {
    let accuracy = paper::accuracy(split, setting)?;
    Some(accuracy.members.iter().all(|&member| accuracy.ensemble > member))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seed: u64, voter: &str, accuracy: f64) -> AccuracyRow {
        AccuracyRow {
            split: "regular".to_owned(),
            setting: 1,
            share_low: 0.5,
            share_high: 0.6,
            seed,
            voter: voter.to_owned(),
            images: 100,
            correct: (accuracy * 100.0) as usize,
            accuracy,
            domain: Domain::Encrypted,
            mismatches: Some(0),
        }
    }

    #[test]
    fn a_tie_with_the_best_member_is_no_win() {
        let rows = [
            row(1, "member-1", 0.9),
            row(1, "member-2", 0.95),
            row(1, "ensemble", 0.96),
            row(2, "member-1", 0.97),
            row(2, "member-2", 0.95),
            row(2, "ensemble", 0.97),
        ];
        let found = advantages(&rows);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].seeds_won(), found[0].ensemble.len(), found[0].wins_every_seed()),
            (1, 2, false)
        );
        assert_eq!(found[0].best_member, [0.95, 0.97]);
    }

    #[test]
    fn baselines_are_no_sweeps() {
        let mut rows = [row(1, "member-1", 0.9), row(1, "ensemble", 0.9)];
        rows.iter_mut().for_each(|row| row.split = "single".to_owned());
        assert_eq!(advantages(&rows), []);
    }

    #[test]
    fn the_papers_ensemble_won_17_of_18_settings() {
        let won: Vec<bool> = ["regular", "likewise", "random"]
            .iter()
            .flat_map(|split| (1..=6).filter_map(|setting| paper_won(split, setting)))
            .collect();
        assert_eq!((won.len(), won.iter().filter(|won| **won).count()), (18, 17));
    }
}
