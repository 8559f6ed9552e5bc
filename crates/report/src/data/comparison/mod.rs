//! What differs between two runs, or between two sweeps: configuration, parameters, machine, accuracy, times.
//!
//! Two runs are compared setting by setting: those with the same split method, range of shares and seed, whatever their numbers are.
//! Two sweeps are compared point by point on the axes that both have; where an axis is one sweep's alone, the mean over its values
//! stands for them.
//!
//! The records hold counts of correct answers and not which images they were of, so two runs cannot be compared image by image
//! (McNemar's test, which the statistics of one run have). What is left is used: differences of settings that differ by nothing but the
//! run are pairs (`statistics`), and two counts of one setting are two proportions as if of different images.

pub(crate) mod accuracy;
pub(crate) mod compare;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod result;
mod runs;
mod sweeps;
