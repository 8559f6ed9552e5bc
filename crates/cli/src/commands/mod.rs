//! The commands, one module for each, or for several that belong together.

mod authority;
mod bench;
mod chart;
mod classify;
mod client_folder;
mod confirmation;
mod data;
mod enrolment;
mod exactness;
mod experiment;
mod exported_networks;
mod import;
mod passphrase;
mod plan;
mod predict;
mod report;
mod serve;
mod sweep;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::command::{Args, Command};

/// Runs the command that the arguments name.
pub fn run(args: &Args) -> Result<ExitCode> {
    let global = &args.global;
    if let Some(threads) = global.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("cannot start the worker threads")?;
    }
    match &args.command {
        Command::Reproduce(options) => experiment::reproduce(options, global),
        Command::Sweep(options) => sweep::run(options, global),
        Command::Data { command } => data::run(command, global),
        Command::Train(stage) => experiment::train(stage, global),
        Command::Export(stage) => experiment::export(stage, global),
        Command::Evaluate(stage) => experiment::evaluate(stage, global),
        Command::Import(options) => import::run(options, global),
        Command::Report { run, options } => report::run(run, options, global),
        Command::Chart(options) => chart::run(options, global),
        Command::Compare(options) => report::compare(options, global),
        Command::Plan(options) => plan::run(options, global),
        Command::Predict(options) => predict::run(options, global),
        Command::Serve(options) => serve::run(options),
        Command::Enrol(options) => enrolment::enrol(options, global),
        Command::Classify(options) => classify::run(options, global),
        Command::Forget(options) => enrolment::forget(options),
        Command::ProviderRequest(options) => authority::provider_request(options, global),
        Command::Authority { command } => authority::run(command, global),
        Command::Bench { command } => bench::run(command, global),
    }
}
