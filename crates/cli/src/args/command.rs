//! The commands.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::authority::{AuthorityCommand, ProviderRequestOptions};
use super::bench::BenchCommand;
use super::data::DataCommand;
use super::experiment::{ReproduceOptions, StageOptions, SweepOptions};
use super::exported_networks::{PlanOptions, PredictOptions};
use super::global::GlobalOptions;
use super::import::ImportOptions;
use super::report::{ChartOptions, CompareOptions, ReportOptions};
use super::service::{ClassifyOptions, ClientOptions, EnrolOptions, ServeOptions};

/// Encrypted inference with ensembles of neural networks.
///
/// Trains the members of an ensemble on label-skewed parts of MNIST, exports their integer weights, classifies the test set
/// under BFV encryption, compares every decrypted logit with plain integer arithmetic, and draws the paper's figures.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
        sottovoce reproduce --quick              run one setting, half a minute\n  \
        sottovoce reproduce                      run all of the paper's experiments, about an hour\n  \
        sottovoce reproduce fig6                 run Figure 6 of the paper with one seed\n  \
        sottovoce data info fig5                 count the images of each label for each member\n  \
        sottovoce evaluate my-experiment.toml    run your own configuration\n  \
        sottovoce import my-network.keras        import networks that were trained elsewhere\n  \
        sottovoce plan results/import/mine       show encryption parameters and their cost\n  \
        sottovoce predict results/import/mine    classify test images under encryption\n\n\
        Exit codes: 0 success, 1 failure, 2 wrong arguments or configuration, 3 decrypted logits differ from \
        the integer oracle or exceed the plaintext modulus, 130 interrupted."
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub global: GlobalOptions,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run experiments, from data to charts. Finished work is not repeated.
    Reproduce(ReproduceOptions),
    /// Run an experiment at every point of a parameter sweep. Finished work is not repeated, and points share common work.
    ///
    /// The axes of the sweep are fields of the configuration with several values, in its table `[sweep]` (docs/sweeps.md).
    Sweep(SweepOptions),
    /// Download and inspect data sets, and show how experiments divide them among members.
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Train the members of every setting.
    Train(StageOptions),
    /// Round trained members to integer networks and write them as CSV. Trains members that are not trained yet.
    Export(StageOptions),
    /// Classify the test set in the clear and under encryption. Trains and exports what is missing.
    Evaluate(StageOptions),
    /// Choose encryption parameters for exported networks, and show their security and cost.
    Plan(PlanOptions),
    /// Classify the test images of a data set with exported networks, under encryption.
    Predict(PredictOptions),
    /// Serve exported networks over HTTPS. Clients send encrypted images and receive encrypted answers.
    Serve(ServeOptions),
    /// Create a client's keys for a provider, and the request for a certificate that the authority signs.
    Enrol(EnrolOptions),
    /// Classify images at a provider, which sees only ciphertexts.
    Classify(ClassifyOptions),
    /// Delete a client's keys, batches and answers at a provider.
    Forget(ClientOptions),
    /// Create a provider's private key, and the request for a certificate that the authority signs.
    ProviderRequest(ProviderRequestOptions),
    /// Manage the certificate authority that providers and clients trust.
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
    /// Measure speed and noise.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Import float networks that were trained elsewhere (Keras, PyTorch, ONNX, flax, CryptoNets) as an exported ensemble.
    ///
    /// Weights are rounded at given scales, or at the cheapest scales that keep the accuracy on the data set. A description
    /// adds what the files do not contain (docs/import.md, configs/import).
    Import(ImportOptions),
    /// Draw the charts and tables of a run from its CSV files.
    Report {
        /// Folder of a run or a sweep, such as results/fig5.
        #[arg(value_name = "RUN")]
        run: PathBuf,

        #[command(flatten)]
        options: ReportOptions,
    },
    /// Compare two runs or two sweeps: configuration, parameters, machine, accuracy with statistical tests, ratios of times.
    Compare(CompareOptions),
    /// Draw a chart over the axes of a sweep: lines with intervals, a heat map, or a frontier (docs/charts.md).
    Chart(ChartOptions),
}
