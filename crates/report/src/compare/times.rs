//! Times of two folders and their ratios.

use serde::Serialize;

/// What took how long in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeRatio {
    /// What was measured.
    pub what: String,
    /// `s`, or `images/s`.
    pub unit: &'static str,
    /// The first's and the second's.
    pub values: [f64; 2],
    /// The second divided by the first.
    pub ratio: f64,
}

impl TimeRatio {
    /// The ratio of two positive values.
    pub(crate) fn of(what: impl Into<String>, unit: &'static str, first: f64, second: f64) -> Option<Self> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        (positive(first) && positive(second)).then(|| Self {
            what: what.into(),
            unit,
            values: [first, second],
            ratio: second / first,
        })
    }
}
