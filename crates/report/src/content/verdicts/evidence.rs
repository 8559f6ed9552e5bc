//! Numbers from the records on which verdicts are based.

use std::collections::BTreeMap;

use sottovoce_evaluate::records::{AccuracyRow, Domain, SizeRow};

use crate::data::layer_times::LayerTimes;
use crate::data::paper;
use crate::data::run_records::RunRecords;
use crate::data::statistics::advantage::{SettingAdvantage, advantages};
use crate::data::statistics::summary::{Summary, median};
use crate::data::voter::UnknownVoter;
use crate::data::wording::{counted, thousands};

/// Split methods of the paper.
pub(crate) const SPLITS: [&str; 3] = ["regular", "likewise", "random"];
/// Number of settings of each split method.
pub(crate) const SETTINGS: usize = 6;

/// Records and numbers for verdicts.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    pub(crate) records: &'a RunRecords,
    pub(crate) layers: LayerTimes,
    /// Accuracy rows of the paper's settings.
    rows: Vec<AccuracyRow>,
    /// The paper's settings under encryption.
    pub(crate) advantages: Vec<SettingAdvantage>,
}

impl<'a> Evidence<'a> {
    /// Extracts the numbers from the records.
    ///
    /// # Errors
    /// If a voter's name is unknown.
    pub(crate) fn new(records: &'a RunRecords) -> Result<Self, UnknownVoter> {
        let of_paper = |row: &&AccuracyRow| records.scope.setting(row).is_some();
        let rows: Vec<AccuracyRow> = records.accuracy.iter().filter(of_paper).cloned().collect();
        let (layers, advantages) = (LayerTimes::gather(&records.layers, &records.scope)?, advantages(&rows));
        Ok(Self { records, layers, rows, advantages })
    }

    /// Returns whether the run has all settings of the paper on all of MNIST. This project's targets are defined for such a run. Its
    /// training may differ, since the targets judge accuracy and time together.
    pub(crate) fn is_whole(&self) -> bool {
        self.incomparable().is_none()
    }

    /// The reason why the accuracies as a whole are not comparable with the paper's, if there is one.
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

    /// Mean accuracy of the ensemble over seeds, as a fraction, for each split and setting of the paper.
    pub(crate) fn ensemble(&self, domain: Domain) -> BTreeMap<(&str, usize), f64> {
        let mut groups: BTreeMap<(&str, usize), Vec<f64>> = BTreeMap::new();
        for row in self.rows.iter().filter(|row| row.voter == "ensemble" && row.domain == domain) {
            groups.entry((&row.split, row.setting)).or_default().push(row.accuracy);
        }
        let mean = |(key, values): (_, Vec<f64>)| Some((key, Summary::of(&values)?.mean));
        groups.into_iter().filter_map(mean).collect()
    }

    /// Largest number of seeds of a setting.
    pub(crate) fn seeds(&self) -> usize {
        self.advantages.iter().map(|setting| setting.ensemble.len()).max().unwrap_or(0)
    }

    /// The smallest number of images in `elapsed.csv` that is at least `images`, and its median seconds.
    pub(crate) fn elapsed(&self, images: usize) -> Option<(usize, f64)> {
        let rows = &self.records.elapsed;
        let nearest = rows.iter().map(|row| row.images).filter(|&size| size >= images).min()?;
        Some((nearest, median(rows.iter().filter(|row| row.images == nearest).map(|row| row.seconds))?))
    }

    /// The row of `sizes.csv` for a message.
    pub(crate) fn size(&self, message: &str) -> Option<&'a SizeRow> {
        self.records.sizes.iter().find(|row| row.message == message)
    }
}
