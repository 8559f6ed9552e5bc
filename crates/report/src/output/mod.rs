//! Files of a run or a sweep: charts, tables and pages, written into its folder. This folder imports from all others.

pub(crate) mod contact_sheet;
mod drawing_files;
pub(crate) mod error;
mod html;
pub(crate) mod latency_chart;
pub(crate) mod noise_chart;
mod run_charts;
mod run_heading;
pub(crate) mod run_report;
mod sweep_charts;
pub(crate) mod sweep_report;
