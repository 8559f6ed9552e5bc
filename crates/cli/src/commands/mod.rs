//! The commands, one module for each, or for several that belong together.

mod authority;
mod classify;
mod client_folder;
mod clients;
mod confirmation;
mod enrolment;
mod exported_networks;
mod form_choice;
mod passphrase;
mod plan;
mod serve;

#[cfg(feature = "experiments")]
mod experiments;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::args::command::{Args, Command};
use crate::args::global::GlobalOptions;
use crate::args::service_commands::ServiceCommand;

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
        #[cfg(feature = "experiments")]
        Command::Experiment(command) => experiments::command::run(command, global),
        Command::Service(command) => run_service_command(command, global),
    }
}

/// Runs a command of a provider, a client or an authority, in a process that is protected before it reads a private key.
fn run_service_command(command: &ServiceCommand, global: &GlobalOptions) -> Result<ExitCode> {
    #[cfg(unix)]
    crate::process_protection::protect()?;
    match command {
        ServiceCommand::Plan(options) => plan::run(options, global),
        ServiceCommand::Serve(options) => serve::run(options, global),
        ServiceCommand::Clients { command } => clients::run(command, global),
        ServiceCommand::Enrol(options) => enrolment::enrol(options, global),
        ServiceCommand::Classify(options) => classify::run(options, global),
        ServiceCommand::Forget(options) => enrolment::forget(options, global),
        ServiceCommand::ProviderRequest(options) => authority::provider_request(options, global),
        ServiceCommand::Authority { command } => authority::run(command, global),
    }
}
