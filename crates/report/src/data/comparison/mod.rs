//! Comparison of two runs or two sweeps: configuration, parameters, machine, accuracy and times.
//!
//! Two runs are compared setting by setting. A common setting has the same split method, range of shares and seed; its number may
//! differ. Two sweeps are compared point by point on their common axes. Over an axis that only one sweep has, counts are added up and
//! times are averaged.
//!
//! The records count correct answers but do not list the images. McNemar's test, which compares image by image, is therefore not
//! possible between two runs. Two other tests are used: paired tests over common settings and seeds, and a test of two proportions for
//! each setting, which treats the images as different.

pub(crate) mod accuracy;
pub(crate) mod compare;
pub(crate) mod error;
pub(crate) mod fields;
pub(crate) mod result;
mod runs;
mod sweeps;
