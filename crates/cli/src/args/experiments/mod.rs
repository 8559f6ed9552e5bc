//! The arguments of the commands of experiments, which [`command`] lists.

pub mod bench;
pub mod command;
pub mod data;
pub mod data_options;
pub mod experiment;
pub mod import;
pub mod report;
