/*!
The `sottovoce` command, and the start page of this documentation.

A client encrypts images. A provider evaluates an ensemble of square-activation networks on the ciphertexts and adds the
members' logits while they are encrypted. Only the client can decrypt the result.

# Crates

Each crate uses only crates below it in this table.

| crate | holds |
| --- | --- |
| `sottovoce` | this program: arguments, configurations, stages of a run, jobs of a sweep |
| [`sottovoce_report`] | charts, tables, verdicts and HTML from the records |
| [`sottovoce_evaluate`] | accuracy and mismatches of settings, by a client and a provider in one process |
| [`sottovoce_service`] | the provider over HTTP and TLS, its remote client, the authority |
| [`sottovoce_protocol`] | client and provider as roles that exchange messages |
| [`sottovoce_bfv`] | encryption parameters, keys, encrypted batches, the engine and the reference evaluator |
| [`sottovoce_export`] | trained or foreign weights as integer networks |
| [`sottovoce_train`] | training of members in floating point and for integers |
| [`sottovoce_network`] | architecture, integer networks, proven ranges, weights on disk |
| [`sottovoce_dataset`] | image files, download, synthetic digits, splits |
| [`sottovoce_table`] | tables as text, Markdown and LaTeX |

# The steps of a run

1. [`sottovoce_dataset`] reads images and divides the training images among members.
2. [`sottovoce_train`] trains each member; [`sottovoce_export`] rounds it to a [`sottovoce_network::IntegerNetwork`].
3. [`sottovoce_bfv::planner`] chooses encryption parameters for the integer weights.
4. [`sottovoce_protocol`]: a `Client` makes keys and encrypts batches, a `Provider` evaluates them, the client decrypts.
5. [`sottovoce_evaluate`] compares every decrypted logit with plain integers and writes records.
6. [`sottovoce_report`] draws charts and tables from the records.

`ARCHITECTURE.md` in the repository follows a configuration field, a pixel and a weight through the files, and `docs/` explains
the methods.

# This crate

The arguments ([`args`]) name a configuration, which is read and checked ([`config`]). The stages ([`stages`]) train
members, export integer networks and evaluate them under encryption; each stage adds files to the folder of the run
([`run`]) and skips the files that exist. A sweep ([`sweep`]) does this for many points. [`commands`] has a module for each
command.

Modules import in one direction: `commands` -> `sweep` -> `stages` -> `run` -> `config`. `files`, `json_files`, `output`,
`progress` and `machine` use none of these.

Without the feature `experiments` there are only the commands of providers, clients and authorities: no configurations, runs,
stages and sweeps, and none of the crates `train`, `export` and `report`.

Results go to standard output; progress and remarks go to standard error.
*/

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod args;
mod commands;
mod config_error;
mod files;
mod key_rule;
mod memory;
mod output;
#[cfg(unix)]
mod process_protection;
mod progress;

#[cfg(feature = "experiments")]
mod config;
#[cfg(feature = "experiments")]
mod json_files;
#[cfg(feature = "experiments")]
mod machine;
#[cfg(feature = "experiments")]
mod run;
#[cfg(feature = "experiments")]
mod stages;
#[cfg(feature = "experiments")]
mod sweep;
#[cfg(feature = "experiments")]
mod training_progress;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::command::Args::parse();
    match commands::run(&args) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error);
            config_error::exit_code(&error)
        }
    }
}
