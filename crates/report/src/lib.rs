//! Charts, tables and reports drawn from the records of a run or a sweep.
//!
//! A run leaves CSV and JSON files. Every output of this crate is drawn from these files only, so a chart can be redrawn years later,
//! byte for byte, without training or encrypting anything. [`write_report`] draws everything for the folder of a run or a sweep.
//!
//! # Folders
//!
//! The modules are in four folders. A folder imports only from the folders above it in this table.
//!
//! | folder | holds |
//! | --- | --- |
//! | `data` | records as they were read, statistics, comparisons of two folders, the paper's numbers ([`paper`]) |
//! | `drawing` | canvas, letters, markers, axes, legends, pages, and the file formats SVG, PNG and PDF |
//! | `content` | charts, tables and verdicts made from the data |
//! | `output` | files: HTML pages, Markdown, LaTeX, contact sheets |
//!
//! # Rules for charts
//!
//! Output does not depend on the machine: letters come from the fonts in this crate, never from the system, and no date or path gets
//! into a file unless a record states it. An axis of accuracies always ends at 100 %, and beside the paper it spans at least 30 points.
//! Shapes tell voters apart as well as colours do. The background is part of the file. Synthetic data is called that in capitals.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod content;
mod data;
mod drawing;
mod output;

pub use content::charts::accuracy::{AccuracyChart, accuracy_chart};
pub use content::charts::error::ChartError;
pub use content::sweep_charts::chart::SweepChart;
pub use content::sweep_charts::error::SweepChartError;
pub use content::sweep_charts::query::{ChartKind, ChartQuery};
pub use content::tables::comparison::comparison_tables;
pub use content::tables::latency::latency_table;
pub use content::tables::measurements::noise_table;
pub use content::tables::run::{accuracy_table, layer_table};
pub use data::comparison::accuracy::{AccuracyDifference, AxisValues, PairedTest};
pub use data::comparison::compare::compare_folders;
pub use data::comparison::error::CompareError;
pub use data::comparison::fields::FieldDifference;
pub use data::comparison::result::{Comparison, FolderKind, TimeRatio};
pub use data::latency::crossing_images;
pub use data::noise_summary::NoiseSummary;
pub use data::paper;
pub use data::paper_scope::PaperScope;
pub use data::run_facts::RunFactsError;
pub use data::run_records::RunRecordsError;
pub use data::split_accuracy::SplitAccuracyError;
pub use data::sweep_records::SweepRecords;
pub use data::sweep_table::SweepRecordsError;
pub use data::voter::{UnknownVoter, Voter};
pub use drawing::encode::PNG_SCALE;
pub use drawing::error::DrawError;
pub use drawing::page::Caption;
pub use drawing::rendering::{FontSize, Format, InvalidSize, Length, Rendering};
pub use output::chart_files::{write_latency_chart, write_noise_chart};
pub use output::contact_sheet::{ContactSheetError, contact_sheet};
pub use output::error::ReportError;
pub use output::run_report::{
    PrintedChart, RunTables, run_tables, verdict_tables, write_charts, write_report,
};
pub use output::sweep_report::write_sweep_report;
