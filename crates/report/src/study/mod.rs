//! Charts over the axes of a sweep.
//!
//! A sweep leaves `table.csv`: a row for each point, seed, voter and domain, with a column for each axis. [`StudyRecords`]
//! reads it, a [`ChartQuery`] says what to show, and a [`Chart`] is the answer: numbers and a drawing. Means are over
//! seeds, with 95 % intervals by Student's t; a mark never mixes points unless averages are asked for.

mod axis;
mod chart;
mod error;
mod estimate;
mod heat;
mod page;
mod plot;
mod quantity;
mod query;
mod records;
mod report;
mod table;
mod xy;

pub use chart::Chart;
pub use error::StudyError;
pub use query::{ChartKind, ChartQuery};
pub use records::StudyRecords;
pub(crate) use report::draw_for_print;
pub use report::write_study_report;
