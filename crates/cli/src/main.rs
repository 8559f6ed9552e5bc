/*!
The `sottovoce` command: experiments with encrypted ensembles, from data to charts.

The arguments ([`args`]) name a configuration, which is read and checked ([`config`]). The stages ([`stages`]) train
members, export integer networks and evaluate them under encryption; each stage adds files to the folder of the run
([`run`]) and skips the files that exist. A sweep ([`sweep`]) does this for many points. [`commands`] has a module for each
command.

Modules import in one direction: `commands` -> `sweep` -> `stages` -> `run` -> `config`. `args` uses `config`. `files`,
`output`, `progress` and `machine` use none of these.

Results go to standard output; progress and remarks go to standard error.
*/

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod args;
mod commands;
mod config;
mod files;
mod machine;
mod output;
mod progress;
mod run;
mod stages;
mod sweep;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::command::Args::parse();
    match commands::run(&args) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            // A wrong configuration has the exit code of wrong arguments.
            let is_usage_error = error.chain().any(|cause| cause.is::<config::error::ConfigError>());
            ExitCode::from(if is_usage_error { 2 } else { 1 })
        }
    }
}
