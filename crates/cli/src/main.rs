/*!
The `sottovoce` command: experiments with encrypted ensembles, from data to charts.

Arguments ([`args`]) name a configuration, which becomes a checked plan ([`config`]). The plan goes through
the stages ([`stages`]) of training, export, encrypted evaluation and report, each of which leaves files in
the run's folder ([`run_folder`]) and is skipped where they are there already. [`commands`] says which stages
a command runs.

Results go to standard output; progress and remarks to standard error.
*/

mod args;
mod commands;
mod config;
mod interrupt;
mod machine;
mod output;
mod progress;
mod run_folder;
mod run_record;
mod stages;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(&args) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            // As for arguments that cannot be used.
            let usage = error.chain().any(|cause| cause.is::<config::ConfigError>());
            ExitCode::from(if usage { 2 } else { 1 })
        }
    }
}
