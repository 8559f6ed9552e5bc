//! Ranges of the logits that are proven for every image there can be.

mod definite;
mod form;
mod interval;
mod quadratic;
#[cfg(test)]
mod tests;

use std::fmt;

use crate::IntegerEnsemble;
use interval::Interval;

/// How a range is proven, from the plainest to the tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RangeMethod {
    /// L1 norms of the rows: what [`Bounds`](crate::Bounds) says.
    Norms,
    /// Signed interval arithmetic, class by class.
    Intervals,
    /// Quadratic forms in the pixels, all hidden units together.
    Quadratic,
}

impl RangeMethod {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Norms, Self::Intervals, Self::Quadratic];

    /// Its name, one word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Norms => "norms",
            Self::Intervals => "intervals",
            Self::Quadratic => "quadratic",
        }
    }
}

impl fmt::Display for RangeMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The largest absolute logits over all classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogitRange {
    /// Of any single member.
    pub members: i128,
    /// Of the members' sum.
    pub ensemble: i128,
}

impl LogitRange {
    /// The larger of both, which a plaintext modulus must hold when members and sum are decrypted.
    #[must_use]
    pub fn largest(&self) -> i128 {
        self.members.max(self.ensemble)
    }

    fn at_most(self, other: Self) -> Self {
        Self { members: self.members.min(other.members), ensemble: self.ensemble.min(other.ensemble) }
    }
}

/// What is proven about an ensemble's logits over every image of pixels in `0..=L`, whether it looks like anything or
/// not, by each [`RangeMethod`]. None is larger than the one before it.
///
/// `docs/ranges.md` has the formulas and why they hold. Everything is exact integers, but for matrices that are shown
/// to be positive semidefinite by floats with their rounding errors accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenRange {
    ranges: [LogitRange; 3],
}

impl ProvenRange {
    /// Proves the ranges of `ensemble`. A method whose integers leave 127 bits gives what the one before it gave.
    #[must_use]
    pub fn of(ensemble: &IntegerEnsemble) -> Self {
        let members = ensemble.members().iter().map(|member| member.bounds().logits);
        let norms = LogitRange { members: members.fold(0, i128::max), ensemble: ensemble.proven_logits() };
        let logits: Option<Vec<Vec<Interval>>> = ensemble
            .members()
            .iter()
            .map(|member| {
                let hidden = interval::dense(member.hidden(), &interval::activations(member)?)?;
                interval::logits(member, &hidden)
            })
            .collect();
        let logits = logits.as_deref();
        let intervals = logits.and_then(interval_range).map_or(norms, |range| range.at_most(norms));
        let quadratic = logits.and_then(|logits| quadratic::range(ensemble, logits));
        let quadratic = quadratic.map_or(intervals, |range| range.at_most(intervals));
        Self { ranges: [norms, intervals, quadratic] }
    }

    /// What `method` proves.
    #[must_use]
    pub fn by(&self, method: RangeMethod) -> LogitRange {
        let [norms, intervals, quadratic] = self.ranges;
        match method {
            RangeMethod::Norms => norms,
            RangeMethod::Intervals => intervals,
            RangeMethod::Quadratic => quadratic,
        }
    }

    /// The least [`LogitRange::largest`], and the plainest method that proves it.
    #[must_use]
    pub fn best(&self) -> (RangeMethod, i128) {
        let largest = |method: RangeMethod| self.by(method).largest();
        let plainest = |best, method| if largest(method) < largest(best) { method } else { best };
        let method = RangeMethod::ALL.into_iter().fold(RangeMethod::Norms, plainest);
        (method, largest(method))
    }

    /// The bits that `method` saves over the norms, in [`LogitRange::largest`].
    #[must_use]
    pub fn saved_bits(&self, method: RangeMethod) -> f64 {
        let bits = |method| (self.by(method).largest().max(1) as f64).log2();
        bits(RangeMethod::Norms) - bits(method)
    }
}

/// The range of `members`' logits, class by class, and of their sums.
fn interval_range(members: &[Vec<Interval>]) -> Option<LogitRange> {
    let mut sums: Vec<Interval> = Vec::new();
    for logits in members {
        if sums.is_empty() {
            sums.clone_from(logits);
        } else {
            sums = sums.into_iter().zip(logits).map(|(a, b)| a.add(*b)).collect::<Option<_>>()?;
        }
    }
    let largest = |logits: &[Interval]| logits.iter().map(|logit| logit.largest()).fold(0, i128::max);
    let members = members.iter().map(|logits| largest(logits)).fold(0, i128::max);
    Some(LogitRange { members, ensemble: largest(&sums) })
}
