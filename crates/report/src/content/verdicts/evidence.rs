//! What verdicts are judged from.

use std::collections::BTreeMap;

use sottovoce_evaluate::records::{AccuracyRow, Domain, SizeRow};

use crate::data::layer_times::LayerTimes;
use crate::data::paper;
use crate::data::run_records::RunRecords;
use crate::data::statistics::advantage::{SettingAdvantage, advantages};
use crate::data::statistics::summary::{Summary, median};
use crate::data::voter::UnknownVoter;
use crate::data::wording::{counted, thousands};

/// Split methods and settings of the whole reproduction.
pub(crate) const SPLITS: [&str; 3] = ["regular", "likewise", "random"];
/// Settings of each split method.
pub(crate) const SETTINGS: usize = 6;

/// The records, read for verdicts.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) records: &'a RunRecords,
    pub(crate) layers: LayerTimes,
    /// Rows of the paper's settings.
    rows: Vec<AccuracyRow>,
    /// The same settings under encryption.
    pub(crate) advantages: Vec<SettingAdvantage>,
}

impl<'a> Evidence<'a> {
    /// Reads the records.
    ///
    /// # Errors
    /// If a voter's name is unknown.
    pub(crate) fn new(records: &'a RunRecords) -> Result<Self, UnknownVoter> {
        let of_paper = |row: &&AccuracyRow| records.scope.setting(row).is_some();
        let rows: Vec<AccuracyRow> = records.accuracy.iter().filter(of_paper).cloned().collect();
        let (layers, advantages) = (LayerTimes::gather(&records.layers, &records.scope)?, advantages(&rows));
        Ok(Self { records, layers, rows, advantages })
    }

    /// Whether this is the whole reproduction, for which this project's targets are defined: all settings, on all of MNIST.
    /// Any training counts, since the targets judge its accuracy and its time together.
    pub(crate) fn is_whole(&self) -> bool {
        self.incomparable().is_none()
    }

    /// Why accuracies do not compare with the paper's as a whole, if so.
    pub(crate) fn incomparable(&self) -> Option<String> {
        let members = self.layers.members;
        let other = (members != paper::MEMBERS)
            .then(|| format!("the ensemble has {}", counted(members as u64, "member", "members")));
        let (found, all) = (self.advantages.len(), SPLITS.len() * SETTINGS);
        let part = (found < all).then(|| format!("only {found} of {all} settings"));
        other.or(part).or_else(|| self.fewer_images())
    }

    fn fewer_images(&self) -> Option<String> {
        let dataset = &self.records.facts.dataset;
        let fewer = |found: Option<u64>, all: u64, what: &str| match found {
            Some(found) if found < all => {
                Some(format!("{} of MNIST's {} {what} images", thousands(found), thousands(all)))
            }
            _ => None,
        };
        fewer(dataset.train_images, paper::IMAGES.0, "training")
            .or_else(|| fewer(dataset.test_images, paper::IMAGES.1, "test"))
    }

    /// The ensemble's mean accuracy over seeds, a fraction, for each split and setting of the paper's.
    pub(crate) fn ensemble(&self, domain: Domain) -> BTreeMap<(&str, usize), f64> {
        let mut groups: BTreeMap<(&str, usize), Vec<f64>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.voter == "ensemble" && row.domain == domain) {
            groups.entry((&row.split, row.setting)).or_default().push(row.accuracy);
        }
        let mean = |(key, values): (_, Vec<f64>)| Some((key, Summary::of(&values)?.mean));
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
