//! Charts and tables drawn from a run's records.
//!
//! A run leaves CSV files; everything here is drawn from them alone, so that a chart can be redrawn years
//! later, byte for byte, without training or encrypting anything. [`report::write_report`] does all of it
//! for a run folder. In parts:
//!
//! - [`figure_accuracy`]: the paper's Figures 5, 6 and 7, ours beside the paper's, as SVG and PNG from one
//!   drawing ([`figure`] renders it);
//! - [`tables`]: accuracies, and the layer times beside the paper's Table 3, as one [`table::Table`] that
//!   renders as Markdown and as plain text;
//! - `chart`: the other figures, among them the paper's Table 3 and its elapsed times;
//! - `statistics`: spread over seeds, intervals, and whether the ensemble beats its members;
//! - `verdict`: what came of the paper's claims and of our targets, judged from the records;
//! - `html`: all of it as one page that needs nothing else, `report.html`;
//! - [`compare`]: two runs or two sweeps side by side;
//! - [`study`]: charts over the axes of a sweep, and a sweep's report;
//! - [`rendering`]: format, width and font size of a finished chart;
//! - [`mod@contact_sheet`]: a page of images with their labels;
//! - [`paper`]: the paper's numbers, and [`paper_scope`]: which runs they may stand beside;
//! - [`voter`]: members and the ensemble, as the records name them.
//!
//! Nothing depends on the machine: letters come from the fonts in this crate, never from the system, and no
//! date or path gets into a file but what a record says. Charts keep to a few rules: an accuracy axis always ends
//! at 100 % and beside the paper spans at least 30 points, shapes tell voters apart as well as colours do, the
//! background is part of the file, and synthetic data is called that in capitals.

mod baseline;
mod canvas;
mod caption;
mod chart;
pub mod compare;
pub mod contact_sheet;
mod distinct;
mod experiment_facts;
pub mod figure;
pub mod figure_accuracy;
mod html;
mod latex;
mod layer_times;
mod layout;
mod legend;
mod marker;
mod markup;
pub mod noise;
pub mod paper;
pub mod paper_scope;
mod pdf;
mod percent_axis;
mod raster;
mod recall;
mod record_tables;
pub mod rendering;
pub mod report;
mod run_facts;
mod statistics;
pub mod study;
mod style;
mod sweep;
pub mod table;
pub mod tables;
mod typeface;
mod verdict;
pub mod voter;
mod wording;

pub use caption::Caption;
pub use contact_sheet::contact_sheet;
pub use figure_accuracy::accuracy_figure;
pub use paper_scope::PaperScope;
pub use report::write_report;
pub use sweep::SweepError;
