//! What verdicts are judged from.

use std::collections::BTreeMap;

use sottovoce_evaluate::records::{AccuracyRow, Domain, SizeRow};

use crate::layer_times::LayerTimes;
use crate::paper;
use crate::report::RunRecords;
use crate::statistics::advantage::{SettingAdvantage, advantages};
use crate::statistics::summary::{Summary, median};
use crate::voter::UnknownVoter;
use crate::wording::counted;

/// Split methods and settings of the whole reproduction.
pub(crate) const SPLITS: [&str; 3] = ["regular", "likewise", "random"];
/// Settings of each split method.
pub(crate) const SETTINGS: usize = 6;

/// The records, read for verdicts.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) records: &'a RunRecords,
    pub(crate) layers: LayerTimes,
    /// Settings of the three split methods, under encryption.
    pub(crate) advantages: Vec<SettingAdvantage>,
}

impl<'a> Evidence<'a> {
    /// Reads the records.
    ///
    /// # Errors
    /// If a voter's name is unknown.
    pub(crate) fn new(records: &'a RunRecords) -> Result<Self, UnknownVoter> {
        let of_paper =
            |setting: &SettingAdvantage| paper::accuracy(&setting.split, setting.setting).is_some();
        let advantages = advantages(&records.accuracy).into_iter().filter(of_paper).collect();
        Ok(Self { records, layers: LayerTimes::gather(&records.layers)?, advantages })
    }

    /// Why accuracies say nothing about MNIST, if so.
    pub(crate) fn synthetic(&self) -> Option<String> {
        self.records.facts.dataset.synthetic.then(|| "the data are synthetic".to_owned())
    }

    /// Why accuracies cannot be held against the paper's, if so.
    pub(crate) fn incomparable(&self) -> Option<String> {
        let members = self.layers.members;
        let other = (members != paper::MEMBERS)
            .then(|| format!("the ensemble has {}", counted(members as u64, "member", "members")));
        let (found, all) = (self.advantages.len(), SPLITS.len() * SETTINGS);
        let part = (found < all).then(|| format!("only {found} of {all} settings"));
        self.synthetic().or(other).or(part)
    }

    /// The ensemble's mean accuracy over seeds, a fraction, for each split and setting of the sweeps.
    pub(crate) fn ensemble(&self, domain: Domain) -> BTreeMap<(&'a str, usize), f64> {
        let mut groups: BTreeMap<(&str, usize), Vec<f64>> = BTreeMap::new();
        let of_sweep = |row: &&AccuracyRow| paper::accuracy(&row.split, row.setting).is_some();
        let rows = self.records.accuracy.iter().filter(of_sweep);
        for row in rows.filter(|row| row.voter == "ensemble" && row.domain == domain) {
            groups.entry((&row.split, row.setting)).or_default().push(row.accuracy);
        }
        let mean = |(key, values): ((&'a str, usize), Vec<f64>)| Some((key, Summary::of(&values)?.mean));
        groups.into_iter().filter_map(mean).collect()
    }

    /// Most seeds of a setting.
    pub(crate) fn seeds(&self) -> usize {
        self.advantages.iter().map(|setting| setting.ensemble.len()).max().unwrap_or(0)
    }

    /// Images of the run of `elapsed.csv` nearest above `images`, and its median seconds.
    pub(crate) fn elapsed(&self, images: usize) -> Option<(usize, f64)> {
        let rows = &self.records.elapsed;
        let nearest = rows.iter().map(|row| row.images).filter(|&size| size >= images).min()?;
        Some((nearest, median(rows.iter().filter(|row| row.images == nearest).map(|row| row.seconds))?))
    }

    /// A row of `sizes.csv`.
    pub(crate) fn size(&self, message: &str) -> Option<&'a SizeRow> {
        self.records.sizes.iter().find(|row| row.message == message)
    }
}
