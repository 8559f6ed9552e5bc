//! Files of a run or a sweep: charts, tables and pages, written into its folder. This folder imports from all others.

pub(crate) mod chart_files;
pub(crate) mod contact_sheet;
pub(crate) mod error;
mod html;
mod run_charts;
mod run_heading;
pub(crate) mod run_report;
mod sweep_charts;
pub(crate) mod sweep_report;
