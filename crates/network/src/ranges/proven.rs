//! Ranges of the logits that hold for every image, by three methods.

use std::fmt;

use crate::ensemble::IntegerEnsemble;
use crate::ranges::interval::{self, Interval};
use crate::ranges::logit_range::LogitRange;
use crate::ranges::quadratic;

/// A method to prove a range. The variants are ordered from the simplest to the tightest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RangeMethod {
    /// L1 norms of the rows, as in [`LayerBounds`](crate::LayerBounds).
    Norms,
    /// Signed interval arithmetic for each class.
    Intervals,
    /// Quadratic forms in the pixels, which bound all hidden units together.
    Quadratic,
}

impl RangeMethod {
    /// All methods, from the simplest to the tightest.
    pub const ALL: [Self; 3] = [Self::Norms, Self::Intervals, Self::Quadratic];

    /// Name of the method in one word.
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

/// Bounds on an ensemble's logits over every image of pixels in `0..=L`, by each [`RangeMethod`]. The bound of a method
/// is never larger than the bound of the method before it.
///
/// `docs/ranges.md` has the formulas and their proofs. All arithmetic is on exact integers, except that matrices are
/// shown to be positive semidefinite in floating point, with their rounding errors accounted for.
///
/// ```
/// use sottovoce_network::{Architecture, NetworkSampler, ProvenRange, RangeMethod};
///
/// let shape = Architecture { image_side: 8, maps: 2, hidden: 6, ..Architecture::default() };
/// let ensemble = NetworkSampler::new(shape, 1).ensemble(2)?;
/// let range = ProvenRange::of(&ensemble);
/// let (method, largest) = range.best();
/// assert_eq!(range.by(method).largest(), largest);
/// assert!(largest <= range.by(RangeMethod::Norms).largest());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenRange {
    ranges: [LogitRange; 3],
}

impl ProvenRange {
    /// Proves the ranges of `ensemble`. A method whose integers exceed 127 bits gets the range of the method before it.
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
        let intervals = logits.and_then(interval_range).map_or(norms, |range| range.min(norms));
        let quadratic = logits.and_then(|logits| quadratic::range(ensemble, logits));
        let quadratic = quadratic.map_or(intervals, |range| range.min(intervals));
        Self { ranges: [norms, intervals, quadratic] }
    }

    /// Range that `method` proves.
    #[must_use]
    pub fn by(&self, method: RangeMethod) -> LogitRange {
        let [norms, intervals, quadratic] = self.ranges;
        match method {
            RangeMethod::Norms => norms,
            RangeMethod::Intervals => intervals,
            RangeMethod::Quadratic => quadratic,
        }
    }

    /// Smallest [`LogitRange::largest`] of all methods, and the simplest method that proves it.
    #[must_use]
    pub fn best(&self) -> (RangeMethod, i128) {
        let largest = |method: RangeMethod| self.by(method).largest();
        let simplest = |best, method| if largest(method) < largest(best) { method } else { best };
        let method = RangeMethod::ALL.into_iter().fold(RangeMethod::Norms, simplest);
        (method, largest(method))
    }

    /// Bits that [`LogitRange::largest`] of `method` saves over that of the norms.
    #[must_use]
    pub fn saved_bits(&self, method: RangeMethod) -> f64 {
        let bits = |method| (self.by(method).largest().max(1) as f64).log2();
        bits(RangeMethod::Norms) - bits(method)
    }
}

/// Computes the range of logits that lie in these intervals (for each member, for each class).
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

#[cfg(test)]
mod tests;
