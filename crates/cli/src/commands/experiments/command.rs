//! The commands of experiments.

use std::process::ExitCode;

use anyhow::Result;

use super::{bench, chart, data, experiment, import, predict, report, sweep};
use crate::args::experiments::command::ExperimentCommand;
use crate::args::experiments::data_options::SharedOptions;
use crate::args::global::GlobalOptions;

/// Runs the command that the arguments name.
pub fn run(command: &ExperimentCommand, global: &GlobalOptions) -> Result<ExitCode> {
    let shared = |data| SharedOptions::new(data, global);
    match command {
        ExperimentCommand::Reproduce(command) => {
            experiment::reproduce(&command.options, &shared(&command.data))
        }
        ExperimentCommand::Sweep(command) => sweep::run(&command.options, &shared(&command.data)),
        ExperimentCommand::Data { command, data } => data::run(command, &shared(data)),
        ExperimentCommand::Train(stage) => experiment::train(&stage.options, &shared(&stage.data)),
        ExperimentCommand::Export(stage) => experiment::export(&stage.options, &shared(&stage.data)),
        ExperimentCommand::Evaluate(stage) => experiment::evaluate(&stage.options, &shared(&stage.data)),
        ExperimentCommand::Import(command) => import::run(&command.options, &shared(&command.data)),
        ExperimentCommand::Report { run, options } => report::run(run, options, global),
        ExperimentCommand::Chart(options) => chart::run(options, global),
        ExperimentCommand::Compare(options) => report::compare(options, global),
        ExperimentCommand::Predict(command) => predict::run(&command.options, &shared(&command.data)),
        ExperimentCommand::Bench { command } => bench::run(command, global),
    }
}
