//! Files: charts, tables and pages of a run or of a sweep, written into its folder.

pub(crate) mod contact_sheet;
pub(crate) mod error;
mod html;
pub(crate) mod noise_chart;
mod run_charts;
mod run_heading;
pub(crate) mod run_report;
mod sweep_charts;
pub(crate) mod sweep_report;
