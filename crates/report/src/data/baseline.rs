//! What the sweeps are compared with: networks that no label skew was done to.

use sottovoce_evaluate::records::{AccuracyRow, Domain};

/// A run without label skew. Its rows lie among the sweeps' under a split method of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// One network trained on all images: the most that sharing the data could reach.
    Single,
    /// As many members as a sweep's on parts with all labels alike.
    Balanced,
}

impl Baseline {
    pub(crate) const ALL: [Self; 2] = [Self::Single, Self::Balanced];

    /// The baseline that a split method's name stands for, if it does.
    pub(crate) fn from_split(split: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|baseline| baseline.split() == split)
    }

    /// The name in the records.
    fn split(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Balanced => "balanced",
        }
    }

    /// What a legend says.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Self::Single => "one network on all images",
            Self::Balanced => "ensemble on balanced parts",
        }
    }

    /// Accuracies of its ensemble under encryption in percent, one for each seed.
    pub(crate) fn percents(self, rows: &[AccuracyRow]) -> Vec<f64> {
        rows.iter()
            .filter(|row| {
                row.split == self.split() && row.voter == "ensemble" && row.domain == Domain::Encrypted
            })
            .map(|row| row.accuracy * 100.0)
            .collect()
    }
}
