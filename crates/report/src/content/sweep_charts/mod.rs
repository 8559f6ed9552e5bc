//! Charts over the axes of a sweep.
//!
//! A sweep writes `table.csv`, which has a row for each point, seed, voter and domain, and a column for each axis.
//! [`SweepRecords`](crate::SweepRecords) reads the table, a [`ChartQuery`](crate::ChartQuery) selects what a chart shows, and a
//! [`SweepChart`](crate::SweepChart) holds its numbers and draws it. Marks are means over seeds, with 95 % intervals by Student's t. A
//! mark averages over points only if the query asks for it.

pub(crate) mod chart;
pub(crate) mod error;
mod heat;
mod plot;
mod quantity;
pub(crate) mod query;
mod xy;
