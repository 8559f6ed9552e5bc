//! Accuracies under encryption of one split method, setting by setting.

use std::collections::{BTreeMap, BTreeSet};

use sottovoce_evaluate::records::{AccuracyRow, Domain};

use crate::data::baseline::Baseline;
use crate::data::paper;
use crate::data::paper_scope::PaperScope;
use crate::data::values::distinct;
use crate::data::voter::{UnknownVoter, Voter};
use crate::data::wording::share_range;

/// Accuracies of one voter at one setting, in percent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    /// Mean over the seeds.
    pub(crate) mean: f64,
    /// Lowest and highest over the seeds.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    pub(crate) fn of(percents: &[f64]) -> Option<Self> {
        let low = percents.iter().copied().reduce(f64::min)?;
        let high = percents.iter().copied().reduce(f64::max)?;
        Some(Self { mean: percents.iter().sum::<f64>() / percents.len() as f64, low, high })
    }
}

/// Accuracies at one setting, for each voter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Setting {
    pub(crate) number: usize,
    pub(crate) shares: String,
    /// Our accuracies under encryption, in the order of [`SplitAccuracy::voters`]; absent if the setting lacks the voter.
    pub(crate) ours: Vec<Option<Spread>>,
    /// The paper's accuracies in percent, in the order of [`SplitAccuracy::voters`].
    pub(crate) paper: Vec<Option<f64>>,
}

impl Setting {
    /// Our accuracies of the voter with this position in [`SplitAccuracy::voters`].
    pub(crate) fn ours_of(&self, voter: usize) -> Option<Spread> {
        self.ours.get(voter).copied().flatten()
    }

    /// The paper's accuracy of the voter with this position in [`SplitAccuracy::voters`], in percent.
    pub(crate) fn paper_of(&self, voter: usize) -> Option<f64> {
        self.paper.get(voter).copied().flatten()
    }
}

/// Accuracies under encryption of one split method.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SplitAccuracy {
    pub(crate) voters: Vec<Voter>,
    pub(crate) settings: Vec<Setting>,
    /// Largest number of seeds of a setting.
    pub(crate) seeds: u64,
    /// Smallest and largest number of images classified in one setting with one seed.
    pub(crate) images_per_setting: (u64, u64),
    /// Number of images classified under encryption, over all settings and seeds. An image counts once for all voters.
    pub(crate) images: u64,
    /// Number of decrypted logits that differ from the integer oracle, over all voters; absent if no row was compared.
    pub(crate) mismatches: Option<u64>,
    /// Accuracies of the baselines' ensembles under encryption, from the same records.
    pub(crate) baselines: Vec<(Baseline, Spread)>,
}

/// Why the accuracies of a split method are unusable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SplitAccuracyError {
    /// No row has the split method asked for.
    #[error("no accuracy was recorded for the split method `{split}`; evaluate a setting of it first")]
    NoRows {
        /// The split method.
        split: String,
    },
    /// A voter has no row measured under encryption.
    #[error(
        "{voter} of setting {setting} ({split} split, seed {seed}) was never evaluated under encryption: \
         there is no row with domain `encrypted`; evaluate that setting under encryption and draw again"
    )]
    NotEncrypted {
        /// The split method.
        split: String,
        /// The setting's number.
        setting: usize,
        /// The seed.
        seed: u64,
        /// The voter without the row.
        voter: Voter,
    },
    /// A voter has an unknown name.
    #[error(transparent)]
    UnknownVoter(#[from] UnknownVoter),
    /// An accuracy is not a fraction.
    #[error("an accuracy of {accuracy} at setting {setting} ({split} split) is not between 0 and 1")]
    NotAFraction {
        /// The split method.
        split: String,
        /// The setting's number.
        setting: usize,
        /// The recorded accuracy.
        accuracy: f64,
    },
}

impl SplitAccuracy {
    /// Gathers the rows of `split`.
    ///
    /// The paper's values are included if `scope` has them and the ensemble has as many members as the paper's.
    ///
    /// # Errors
    /// If there is no row of `split`, a voter is unknown or was not evaluated under encryption, or an accuracy is not a fraction.
    pub(crate) fn gather(
        rows: &[AccuracyRow],
        split: &str,
        scope: &PaperScope,
    ) -> Result<Self, SplitAccuracyError> {
        let baselines = Baseline::ALL
            .into_iter()
            .filter_map(|baseline| Some((baseline, Spread::of(&baseline.percents(rows))?)))
            .collect();
        let rows: Vec<(&AccuracyRow, Voter)> = rows
            .iter()
            .filter(|row| row.split == split)
            .map(|row| Ok((row, row.voter.parse()?)))
            .collect::<Result<_, SplitAccuracyError>>()?;
        if rows.is_empty() {
            return Err(SplitAccuracyError::NoRows { split: split.to_owned() });
        }
        let encrypted: Vec<(&AccuracyRow, Voter)> =
            rows.iter().copied().filter(|(row, _)| row.domain == Domain::Encrypted).collect();
        refuse_unencrypted(&rows, &encrypted)?;

        let voters: Vec<Voter> =
            encrypted.iter().map(|(_, voter)| *voter).collect::<BTreeSet<_>>().into_iter().collect();
        let members = voters.iter().filter(|voter| **voter != Voter::Ensemble).count();
        let mut by_setting: BTreeMap<usize, Vec<(&AccuracyRow, Voter)>> = BTreeMap::new();
        for &(row, voter) in &encrypted {
            if !(0.0..=1.0).contains(&row.accuracy) {
                let (split, setting) = (split.to_owned(), row.setting);
                return Err(SplitAccuracyError::NotAFraction { split, setting, accuracy: row.accuracy });
            }
            by_setting.entry(row.setting).or_default().push((row, voter));
        }
        let settings: Vec<Setting> = by_setting
            .iter()
            .map(|(&number, rows)| Setting {
                number,
                shares: rows
                    .first()
                    .map_or_else(String::new, |(r, _)| share_range(r.share_low, r.share_high)),
                ours: voters.iter().map(|&voter| spread(rows, voter)).collect(),
                paper: voters
                    .iter()
                    .map(|&voter| rows.first().and_then(|(row, _)| scope.accuracy(row, voter)))
                    .map(|accuracy| accuracy.filter(|_| members == paper::MEMBERS))
                    .collect(),
            })
            .collect();

        // All voters of a setting and seed see the same images.
        let mut images: BTreeMap<(usize, u64), u64> = BTreeMap::new();
        for (row, _) in &encrypted {
            let most = images.entry((row.setting, row.seed)).or_default();
            *most = (*most).max(row.images as u64);
        }
        Ok(Self {
            voters,
            seeds: settings.iter().map(|s| seeds(images.keys(), s.number)).max().unwrap_or(0),
            settings,
            images_per_setting: (
                images.values().copied().min().unwrap_or(0),
                images.values().copied().max().unwrap_or(0),
            ),
            images: images.values().sum(),
            mismatches: total_mismatches(encrypted.iter().map(|(row, _)| *row)),
            baselines,
        })
    }

    /// Returns whether any setting has a value of the paper.
    pub(crate) fn has_paper(&self) -> bool {
        self.settings.iter().any(|setting| setting.paper.iter().any(Option::is_some))
    }

    /// Returns whether every setting is one of the paper's, so that the chart is the paper's figure.
    pub(crate) fn is_papers(&self) -> bool {
        self.settings.iter().all(|setting| setting.paper.iter().any(Option::is_some))
    }

    /// The lowest accuracy of this run or the paper, in percent.
    pub(crate) fn lowest(&self) -> f64 {
        let paper = self.settings.iter().flat_map(|setting| setting.paper.iter().flatten().copied());
        paper.fold(self.lowest_of_ours(), f64::min)
    }

    /// The lowest accuracy of this run, in percent.
    pub(crate) fn lowest_of_ours(&self) -> f64 {
        let ours = self.settings.iter().flat_map(|setting| setting.ours.iter().flatten().map(|s| s.low));
        let baselines = self.baselines.iter().map(|(_, spread)| spread.mean);
        ours.chain(baselines).fold(100.0, f64::min)
    }
}

/// Number of decrypted logits that differ from the oracle; absent if no row was compared.
pub(crate) fn total_mismatches<'a>(rows: impl Iterator<Item = &'a AccuracyRow>) -> Option<u64> {
    rows.filter_map(|row| row.mismatches).reduce(|sum, count| sum + count)
}

fn spread(rows: &[(&AccuracyRow, Voter)], voter: Voter) -> Option<Spread> {
    let percents: Vec<f64> =
        rows.iter().filter(|(_, other)| *other == voter).map(|(row, _)| row.accuracy * 100.0).collect();
    Spread::of(&percents)
}

fn seeds<'a>(keys: impl Iterator<Item = &'a (usize, u64)>, setting: usize) -> u64 {
    keys.filter(|(number, _)| *number == setting).count() as u64
}

fn refuse_unencrypted(
    rows: &[(&AccuracyRow, Voter)],
    encrypted: &[(&AccuracyRow, Voter)],
) -> Result<(), SplitAccuracyError> {
    let key = |(row, voter): &(&AccuracyRow, Voter)| (row.setting, row.seed, *voter);
    let done: BTreeSet<_> = encrypted.iter().map(key).collect();
    match rows.iter().find(|row| !done.contains(&key(row))) {
        None => Ok(()),
        Some((row, voter)) => Err(SplitAccuracyError::NotEncrypted {
            split: row.split.clone(),
            setting: row.setting,
            seed: row.seed,
            voter: *voter,
        }),
    }
}

/// Split methods in the order of their first rows, baselines included.
pub(crate) fn split_methods(rows: &[AccuracyRow]) -> Vec<&str> {
    distinct(rows.iter().map(|row| row.split.as_str()))
}
