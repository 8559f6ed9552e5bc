//! The commands of experiments.

use std::process::ExitCode;

use anyhow::Result;

use super::{bench, chart, data, experiment, import, predict, report, sweep};
use crate::args::experiments::ExperimentCommand;
use crate::args::global::GlobalOptions;

/// Runs the command that the arguments name.
pub fn run(command: &ExperimentCommand, global: &GlobalOptions) -> Result<ExitCode> {
    match command {
        ExperimentCommand::Reproduce(options) => experiment::reproduce(options, global),
        ExperimentCommand::Sweep(options) => sweep::run(options, global),
        ExperimentCommand::Data { command } => data::run(command, global),
        ExperimentCommand::Train(stage) => experiment::train(stage, global),
        ExperimentCommand::Export(stage) => experiment::export(stage, global),
        ExperimentCommand::Evaluate(stage) => experiment::evaluate(stage, global),
        ExperimentCommand::Import(options) => import::run(options, global),
        ExperimentCommand::Report { run, options } => report::run(run, options, global),
        ExperimentCommand::Chart(options) => chart::run(options, global),
        ExperimentCommand::Compare(options) => report::compare(options, global),
        ExperimentCommand::Predict(options) => predict::run(options, global),
        ExperimentCommand::Bench { command } => bench::run(command, global),
    }
}
