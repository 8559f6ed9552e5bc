//! The commands of experiments, one module for each, or for several that belong together; [`command`] runs them.

pub mod command;

mod bench;
mod chart;
mod data;
mod exactness;
mod experiment;
mod import;
mod predict;
mod report;
mod sweep;
