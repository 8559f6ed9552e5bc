//! Ranges of the logits of an ensemble: observed over images, or proven for all images.

use crate::logits::sum_logits;

/// The largest absolute logits over a set of images (the `observed` range). Other images may have larger ones.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedRange {
    /// Largest absolute logit of each member.
    pub members: Vec<i128>,
    /// Largest absolute logit of the members' sum.
    pub ensemble: i128,
}

impl ObservedRange {
    /// Computes the range of one image from `logits`, the logits of each member.
    #[must_use]
    pub fn of(logits: &[Vec<i128>]) -> Self {
        let largest = |logits: &[i128]| logits.iter().map(|logit| logit.abs()).max().unwrap_or(0);
        Self {
            members: logits.iter().map(|member| largest(member)).collect(),
            ensemble: largest(&sum_logits(logits)),
        }
    }

    /// Computes the range over both sets of images.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        if self.members.is_empty() {
            return other;
        }
        if other.members.is_empty() {
            return self;
        }
        let members = self.members.into_iter().zip(other.members).map(|(a, b)| a.max(b)).collect();
        Self { members, ensemble: self.ensemble.max(other.ensemble) }
    }

    /// Largest absolute logit of any member and of the sum. One plaintext modulus must hold it when members and sum are
    /// decrypted.
    #[must_use]
    pub fn largest(&self) -> i128 {
        self.members.iter().copied().fold(self.ensemble, i128::max)
    }
}

/// Bounds on the absolute logits over all classes and all images (the `proven` range).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogitRange {
    /// Bound for every single member.
    pub members: i128,
    /// Bound for the members' sum.
    pub ensemble: i128,
}

impl LogitRange {
    /// Larger of both bounds. One plaintext modulus must hold it when members and sum are decrypted.
    #[must_use]
    pub fn largest(&self) -> i128 {
        self.members.max(self.ensemble)
    }

    /// Takes the smaller bound of both ranges, for members and for the sum.
    pub(super) fn min(self, other: Self) -> Self {
        Self { members: self.members.min(other.members), ensemble: self.ensemble.min(other.ensemble) }
    }
}
