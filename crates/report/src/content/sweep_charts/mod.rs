//! Charts over the axes of a sweep.
//!
//! A sweep leaves `table.csv`: a row for each point, seed, voter and domain, with a column for each axis. [`SweepRecords`]
//! reads it, a [`ChartQuery`] says what to show, and a [`SweepChart`] is the answer: numbers and a drawing. Means are over
//! seeds, with 95 % intervals by Student's t; a mark never mixes points unless averages are asked for.

pub(crate) mod chart;
pub(crate) mod error;
mod heat;
mod plot;
mod quantity;
pub(crate) mod query;
mod xy;
