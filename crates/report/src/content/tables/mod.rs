//! Tables of records, statistics and comparisons.

pub(crate) mod comparison;
pub(crate) mod latency;
pub(crate) mod measurements;
pub(crate) mod run;
pub(crate) mod statistics;
pub(crate) mod sweep_points;
