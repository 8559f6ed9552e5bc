//! Measured data and the paper's numbers. Every number of a report is read or computed here. This folder imports from no other folder.

pub(crate) mod baseline;
pub(crate) mod comparison;
pub(crate) mod experiment_facts;
pub(crate) mod latency;
pub(crate) mod layer_times;
pub(crate) mod noise_summary;
pub mod paper;
pub(crate) mod paper_scope;
pub(crate) mod recall;
pub(crate) mod run_facts;
pub(crate) mod run_records;
pub(crate) mod split_accuracy;
pub(crate) mod statistics;
pub(crate) mod sweep_records;
pub(crate) mod sweep_table;
pub(crate) mod values;
pub(crate) mod voter;
pub(crate) mod wording;
