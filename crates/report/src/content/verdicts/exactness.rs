//! Measurements that claims and targets share: mismatches with the oracle, and settings that the ensemble wins.

use std::collections::BTreeMap;

use sottovoce_evaluate::records::{AccuracyRow, Domain};

use crate::content::verdicts::evidence::Evidence;
use crate::data::values::json_at;
use crate::data::wording::{counted, thousands};

/// Comparison of the decrypted logits of the whole run with the integer oracle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exactness {
    /// Number of images classified under encryption. An image counts once for every setting and seed.
    images: u64,
    /// Number of logits that differ.
    pub(crate) mismatches: u64,
    /// Number of rows whose logits were not compared.
    pub(crate) unchecked: u64,
}

impl Exactness {
    /// Adds up all rows under encryption, including baselines, numbers of logit bits and elapsed times.
    pub(crate) fn of(evidence: &Evidence<'_>) -> Self {
        let rows = || evidence.records.accuracy.iter().filter(|row| row.domain == Domain::Encrypted);
        let mut images: BTreeMap<(&str, usize, u64), u64> = BTreeMap::new();
        for row in rows() {
            let most = images.entry((&row.split, row.setting, row.seed)).or_default();
            *most = (*most).max(row.images as u64);
        }
        let records = evidence.records;
        let of_bits: u64 = records.bits.iter().map(|row| row.mismatches).sum();
        let mut ranges: BTreeMap<(u32, u64), u64> = BTreeMap::new();
        for row in &records.bits {
            ranges.insert((row.logit_bits, row.seed), row.images as u64);
        }
        // Images of elapsed times were compared as well; `run.json` holds the number of mismatches.
        let timed = records.elapsed.iter().map(|row| row.images as u64).max();
        let of_elapsed = json_at(&records.facts.elapsed, "/mismatches").as_u64();
        let unchecked = |row: &&AccuracyRow| row.mismatches.is_none();
        Self {
            images: images.into_values().chain(ranges.into_values()).chain(timed).sum(),
            mismatches: of_bits
                + of_elapsed.unwrap_or(0)
                + rows().filter_map(|row| row.mismatches).sum::<u64>(),
            unchecked: rows().filter(unchecked).count() as u64
                + u64::from(timed.is_some() && of_elapsed.is_none()),
        }
    }

    /// Text of the result.
    pub(crate) fn text(&self) -> String {
        let logits = if self.mismatches == 1 { "logit differs" } else { "logits differ" };
        let images = counted(self.images, "image", "images");
        format!("{} {logits} over {images} classified under encryption", thousands(self.mismatches))
    }

    /// The reason why equality of all logits is unknown, if it is.
    pub(crate) fn obstacle(&self) -> Option<String> {
        (self.unchecked > 0)
            .then(|| format!("{} not compared with the oracle", counted(self.unchecked, "record", "records")))
    }
}

/// Text of the number of settings in which the ensemble beats every member with every seed.
pub(crate) fn wins_text(evidence: &Evidence<'_>) -> String {
    let settings = &evidence.advantages;
    let (won, runs) =
        settings.iter().fold((0, 0), |(won, runs), s| (won + s.seeds_won(), runs + s.ensemble.len()));
    let always = settings.iter().filter(|setting| setting.wins_every_seed()).count();
    let over =
        if runs > settings.len() { format!(" with every seed; {won} of {runs} runs") } else { String::new() };
    format!("{always} of {}{over}", counted(settings.len() as u64, "setting", "settings"))
}

/// Names of the settings in which the ensemble did not beat every member with every seed.
pub(crate) fn lost(evidence: &Evidence<'_>) -> Vec<String> {
    let lost = evidence.advantages.iter().filter(|setting| !setting.wins_every_seed());
    lost.map(|setting| format!("{} {}", setting.split, setting.setting)).collect()
}
