//! The commands of experiments.

use std::path::PathBuf;

use clap::Subcommand;

use super::bench::BenchCommand;
use super::data::DataCommand;
use super::data_options::{DataOptions, WithData};
use super::experiment::{ReproduceOptions, StageOptions, SweepOptions};
use super::import::ImportOptions;
use super::report::{ChartOptions, CompareOptions, ReportOptions};
use crate::args::exported_networks::PredictOptions;

#[derive(Debug, Subcommand)]
pub enum ExperimentCommand {
    /// Run experiments, from data to charts. Finished work is not repeated.
    Reproduce(WithData<ReproduceOptions>),
    /// Run an experiment at every point of a parameter sweep. Finished work is not repeated, and points share common work.
    ///
    /// The axes of the sweep are fields of the configuration with several values, in its table `[sweep]` (docs/sweeps.md).
    Sweep(WithData<SweepOptions>),
    /// Download and inspect data sets, and show how experiments divide them among members.
    Data {
        #[command(subcommand)]
        command: DataCommand,

        #[command(flatten)]
        data: DataOptions,
    },
    /// Train the members of every setting.
    Train(WithData<StageOptions>),
    /// Round trained members to integer networks and write them as CSV. Trains members that are not trained yet.
    Export(WithData<StageOptions>),
    /// Classify the test set in the clear and under encryption. Trains and exports what is missing.
    Evaluate(WithData<StageOptions>),
    /// Classify the test images of a data set with exported networks, under encryption.
    Predict(WithData<PredictOptions>),
    /// Import float networks that were trained elsewhere (Keras, PyTorch, ONNX, flax, CryptoNets) as an exported ensemble.
    ///
    /// Weights are rounded at given scales, or at the cheapest scales that keep the accuracy on the data set. A description
    /// adds what the files do not contain (docs/import.md, configs/import).
    Import(WithData<ImportOptions>),
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
    /// Measure speed and noise.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
}
