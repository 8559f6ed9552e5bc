//! Charts of a run's records.

pub(crate) mod accuracy;
mod accuracy_layout;
mod baseline_lines;
pub(crate) mod bits;
pub(crate) mod elapsed;
pub(crate) mod error;
pub(crate) mod labels;
pub(crate) mod latency;
pub(crate) mod layers;
pub(crate) mod noise;
pub(crate) mod recall;
pub(crate) mod sizes;
pub(crate) mod spread;
