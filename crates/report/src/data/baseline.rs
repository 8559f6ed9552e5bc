//! Baselines: networks trained without label skew.

use sottovoce_evaluate::records::{AccuracyRow, Domain};

/// Networks trained without label skew. Their rows have a split method of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// One network trained on all images. Its accuracy is the best that sharing the data could reach.
    Single,
    /// An ensemble trained on parts in which all labels are equally frequent.
    Balanced,
}

impl Baseline {
    pub(crate) const ALL: [Self; 2] = [Self::Single, Self::Balanced];

    /// The baseline with this split method, if there is one.
    pub(crate) fn from_split(split: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|baseline| baseline.split() == split)
    }

    /// Name of the split method in the records.
    fn split(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Balanced => "balanced",
        }
    }

    /// Text in legends and titles.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Single => "one network on all images",
            Self::Balanced => "ensemble on balanced parts",
        }
    }

    /// Accuracies of the ensemble under encryption in percent, one for each seed.
    pub(crate) fn percents(self, rows: &[AccuracyRow]) -> Vec<f64> {
        rows.iter()
            .filter(|row| {
                row.split == self.split() && row.voter == "ensemble" && row.domain == Domain::Encrypted
            })
            .map(|row| row.accuracy * 100.0)
            .collect()
    }
}
