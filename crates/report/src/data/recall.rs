//! Recall of each digit at the last setting of every split method.

use std::collections::{BTreeMap, BTreeSet};

use sottovoce_evaluate::records::RecallRow;

use crate::data::baseline::Baseline;
use crate::data::values::distinct;
use crate::data::voter::{UnknownVoter, Voter};

/// Recall of one split method at its last setting, over all seeds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct DigitRecall {
    pub(crate) split: String,
    /// Number of the setting, from 1.
    pub(crate) setting: usize,
    pub(crate) seeds: usize,
    pub(crate) digits: Vec<u8>,
    /// For each voter and digit: number of test images classified correctly, and number of test images, summed over seeds.
    pub(crate) voters: BTreeMap<Voter, BTreeMap<u8, (usize, usize)>>,
}

/// Recall of every split method in `rows` except baselines, in the order of their first rows.
///
/// # Errors
/// If a voter's name is unknown.
pub(crate) fn digit_recalls(rows: &[RecallRow]) -> Result<Vec<DigitRecall>, UnknownVoter> {
    let of_sweeps = rows.iter().filter(|row| Baseline::from_split(&row.split).is_none());
    let splits = distinct(of_sweeps.map(|row| row.split.as_str()));
    let last = |split: &str| {
        let setting = rows.iter().filter(|row| row.split == split).map(|row| row.setting).max();
        let rows = rows.iter().filter(|row| row.split == split && Some(row.setting) == setting).collect();
        of_setting(split, rows)
    };
    splits.into_iter().map(last).collect()
}

fn of_setting(split: &str, rows: Vec<&RecallRow>) -> Result<DigitRecall, UnknownVoter> {
    let mut voters: BTreeMap<Voter, BTreeMap<u8, (usize, usize)>> = BTreeMap::new();
    for row in &rows {
        let (correct, images) = voters.entry(row.voter.parse()?).or_default().entry(row.label).or_default();
        *correct += row.correct;
        *images += row.images;
    }
    Ok(DigitRecall {
        split: split.to_owned(),
        setting: rows.first().map_or(0, |row| row.setting),
        seeds: rows.iter().map(|row| row.seed).collect::<BTreeSet<_>>().len(),
        digits: rows.iter().map(|row| row.label).collect::<BTreeSet<_>>().into_iter().collect(),
        voters,
    })
}
