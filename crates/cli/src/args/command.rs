//! The commands.

use clap::{Parser, Subcommand};

#[cfg(feature = "experiments")]
use super::experiments::command::ExperimentCommand;
use super::global::GlobalOptions;
use super::service_commands::ServiceCommand;

/// The description of the program.
const ABOUT: &str = if cfg!(feature = "experiments") {
    "Encrypted inference with ensembles of neural networks.\n\n\
     Trains the members of an ensemble on label-skewed parts of MNIST, exports their integer weights, classifies the test set under \
     BFV encryption, compares every decrypted logit with plain integer arithmetic, and draws the paper's figures."
} else {
    "Encrypted inference with ensembles of neural networks.\n\n\
     This build has the commands of providers, clients and authorities only: no training, no data sets and no charts."
};

/// Examples of commands, and the exit codes.
const EXAMPLES: &str = if cfg!(feature = "experiments") {
    "Examples:\n  \
     sottovoce reproduce --quick              run one setting, half a minute\n  \
     sottovoce reproduce                      run all of the paper's experiments, about an hour\n  \
     sottovoce reproduce fig6                 run Figure 6 of the paper with one seed\n  \
     sottovoce data info fig5                 count the images of each label for each member\n  \
     sottovoce evaluate my-experiment.toml    run your own configuration\n  \
     sottovoce import my-network.keras        import networks that were trained elsewhere\n  \
     sottovoce plan results/import/mine       show encryption parameters and their cost\n  \
     sottovoce predict results/import/mine    classify test images under encryption\n\n\
     Data sets are read from data/mnist, or from the folder that --data-dir or the variable SOTTOVOCE_DATA names.\n\n\
     Exit codes: 0 success, 1 failure, 2 wrong arguments or configuration, 3 decrypted logits differ from the integer oracle or \
     exceed the plaintext modulus, 130 interrupted."
} else {
    "Exit codes: 0 success, 1 failure, 2 wrong arguments, 130 interrupted."
};

#[derive(Debug, Parser)]
#[command(version, about = "Encrypted inference with ensembles of neural networks", long_about = ABOUT, after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub global: GlobalOptions,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    #[cfg(feature = "experiments")]
    #[command(flatten)]
    Experiment(ExperimentCommand),
    #[command(flatten)]
    Service(ServiceCommand),
}
