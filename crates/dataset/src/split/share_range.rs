//! The range of majority shares.

use serde::{Deserialize, Serialize};

use crate::split::error::SplitError;

/// A range of majority shares, as fractions with 0 <= low <= high <= 1.
///
/// In a configuration it is a pair, `[0.5, 0.6]`, or one number, which is both ends. It is written as a pair.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "[f64; 2]")]
pub struct ShareRange {
    low: f64,
    high: f64,
}

impl ShareRange {
    /// Creates the range from `low` to `high`.
    ///
    /// # Errors
    /// If 0 <= low <= high <= 1 does not hold.
    pub fn new(low: f64, high: f64) -> Result<Self, SplitError> {
        // All comparisons with NaN are false, so NaN is refused.
        if 0.0 <= low && low <= high && high <= 1.0 {
            Ok(Self { low, high })
        } else {
            Err(SplitError::ShareRange { low, high })
        }
    }

    /// Smallest share.
    #[must_use]
    pub fn low(self) -> f64 {
        self.low
    }

    /// Largest share.
    #[must_use]
    pub fn high(self) -> f64 {
        self.high
    }
}

/// A range as it is written in a configuration.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a share is a range such as [0.5, 0.6], or one number such as 0.5")]
enum Written {
    Ends([f64; 2]),
    Both(f64),
}

impl TryFrom<Written> for ShareRange {
    type Error = SplitError;

    fn try_from(written: Written) -> Result<Self, SplitError> {
        let [low, high] = match written {
            Written::Ends(ends) => ends,
            Written::Both(share) => [share, share],
        };
        Self::new(low, high)
    }
}

impl From<ShareRange> for [f64; 2] {
    fn from(range: ShareRange) -> Self {
        [range.low, range.high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ordered_fractions_are_a_range() {
        for (low, high) in [(0.0, 0.0), (0.5, 0.6), (0.95, 0.95), (1.0, 1.0), (0.0, 1.0)] {
            let range = ShareRange::new(low, high).unwrap();
            assert_eq!((range.low(), range.high()), (low, high));
        }
        for (low, high) in [(-0.1, 0.5), (0.6, 0.5), (0.5, 1.1), (f64::NAN, 0.5), (0.5, f64::NAN)] {
            assert!(ShareRange::new(low, high).is_err(), "{low} to {high}");
        }
    }

    #[test]
    fn a_range_is_written_as_a_pair_and_checked_when_read() {
        let range = ShareRange::new(0.5, 0.6).unwrap();
        assert_eq!(serde_json::to_string(&range).unwrap(), "[0.5,0.6]");
        assert_eq!(serde_json::from_str::<ShareRange>("[0.5,0.6]").unwrap(), range);
        assert_eq!(serde_json::from_str::<ShareRange>("0.5").unwrap(), ShareRange::new(0.5, 0.5).unwrap());
        let error = serde_json::from_str::<ShareRange>("[60,70]").unwrap_err();
        assert!(error.to_string().contains("60 to 70"), "{error}");
    }
}
