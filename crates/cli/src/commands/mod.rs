//! Which stages a command runs, and what it prints.

mod authority;
mod bench;
mod bench_noise;
mod bench_service;
mod chart;
mod classify;
mod client_folder;
mod compare;
mod data;
mod enrol;
mod experiment;
mod forget;
mod import;
mod plan;
mod predict;
mod report;
mod serve;
mod sweep;
mod weights;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::{Args, Command};

/// Decrypted logits differ from the oracle: the one promise that must never be broken.
const EXIT_MISMATCH: u8 = 3;

pub fn run(args: &Args) -> Result<ExitCode> {
    let common = &args.common;
    if let Some(threads) = common.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.into())
            .build_global()
            .context("cannot start the worker threads")?;
    }
    match &args.command {
        Command::Reproduce { experiments, quick, options } => {
            let names: Vec<&str> = match experiments.as_slice() {
                [] if *quick => vec!["quick"],
                [] => vec!["paper"],
                names => names.iter().map(String::as_str).collect(),
            };
            experiment::reproduce(&names, options, common)
        }
        Command::Sweep(options) => sweep::run(options, common),
        Command::Data { command } => data::run(command, common),
        Command::Train(stage) => experiment::train(stage, common),
        Command::Export(stage) => experiment::export(stage, common),
        Command::Evaluate(stage) => experiment::evaluate(stage, common),
        Command::Import(options) => import::run(options, common),
        Command::Report { run, options } => report::run(run, options, common),
        Command::Chart(options) => chart::run(options, common),
        Command::Compare(options) => compare::run(options, common),
        Command::Plan(options) => plan::run(options, common),
        Command::Predict(options) => predict::run(options, common),
        Command::Serve(options) => serve::run(options),
        Command::Enrol(options) => enrol::run(options, common),
        Command::Classify(options) => classify::run(options, common),
        Command::Forget(options) => forget::run(options),
        Command::Authority { command } => authority::run(command, common),
        Command::Bench { command } => bench::run(command, common),
    }
}
