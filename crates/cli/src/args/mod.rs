//! Arguments as typed.

mod authority;
mod bench;
mod chart;
mod compare;
mod import;
mod policy;
mod run;
mod service;
mod sweep;
mod weights;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use sottovoce_dataset::Orientation;

pub use authority::{AuthorityCommand, Revoked};
pub use bench::{BenchCommand, BenchServiceOptions, EngineOptions, Format, NoiseOptions};
pub use chart::{ChartOptions, ReportOptions};
pub use compare::{CompareOptions, TableFormat};
pub use import::ImportOptions;
pub use policy::PolicyOptions;
pub use run::RunOptions;
pub use service::{ClassifyOptions, ClientOptions, EnrolOptions, LogForm, ServeOptions};
pub use sweep::{ListFormat, SweepOptions};
pub use weights::{PlanOptions, PredictOptions};

/// Encrypted inference with ensembles of neural networks.
///
/// Trains the members of an ensemble on label-skewed parts of MNIST, exports their integer weights, classifies
/// the test set under BFV encryption, holds every decrypted logit against plain integer arithmetic, and draws
/// the paper's figures.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:\n  \
        sottovoce reproduce --quick              one setting, half a minute\n  \
        sottovoce reproduce                      all of the paper's experiments, hours\n  \
        sottovoce reproduce fig6                 Figure 6 of the paper with one seed\n  \
        sottovoce data info fig5                 which labels each member sees\n  \
        sottovoce evaluate my-experiment.toml    your own configuration\n  \
        sottovoce import my-network.keras        networks that were trained elsewhere\n  \
        sottovoce plan results/import/mine       what encryption will take for them\n  \
        sottovoce predict results/import/mine    their predictions, under encryption\n\n\
        Exit codes: 0 success, 1 failure, 2 wrong arguments or configuration, 3 decrypted logits differ from \
        the integer oracle."
)]
pub struct Args {
    #[command(subcommand)]
    pub command: Command,

    #[command(flatten)]
    pub common: Common,
}

#[derive(Debug, clap::Args)]
pub struct Common {
    /// Folder of the data set (IDX files, NumPy archives or folders of pictures, see docs/data.md), or its .npz file
    /// [env: SOTTOVOCE_DATA] [default: data/mnist, downloaded where missing].
    #[arg(long, global = true, value_name = "PATH")]
    pub data_dir: Option<PathBuf>,

    /// How images lie in the data set's files [default: transposed for EMNIST, upright for all others].
    #[arg(long, global = true, value_enum, value_name = "HOW", hide_short_help = true)]
    pub orientation: Option<ImageOrientation>,

    /// Never download; without a data set, use the built-in synthetic digits.
    #[arg(long, global = true)]
    pub offline: bool,

    /// Mirror to download MNIST from, instead of the public ones; may be given several times.
    #[arg(long = "mirror", global = true, value_name = "URL", hide_short_help = true)]
    pub mirrors: Vec<String>,

    /// Worker threads [default: one for each core].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Print the result as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
}

impl Common {
    /// The folder or file of the data set, by argument or environment. An empty variable is as good as none.
    pub fn data_path(&self) -> Option<PathBuf> {
        let variable =
            || std::env::var_os("SOTTOVOCE_DATA").filter(|path| !path.is_empty()).map(PathBuf::from);
        self.data_dir.clone().or_else(variable)
    }
}

/// How images lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageOrientation {
    /// Row by row: images are taken as they are stored.
    Upright,
    /// Column by column: rows and columns are exchanged.
    Transposed,
}

impl From<ImageOrientation> for Orientation {
    fn from(orientation: ImageOrientation) -> Self {
        match orientation {
            ImageOrientation::Upright => Self::Upright,
            ImageOrientation::Transposed => Self::Transposed,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run experiments from data to charts; what is finished already is not done again.
    Reproduce {
        /// Experiments: built-in names (paper, fig5, fig6, fig7, quick) or configuration files [default: paper].
        #[arg(value_name = "EXPERIMENT")]
        experiments: Vec<String>,

        /// One setting with short training instead: the same as the experiment `quick`.
        #[arg(long, conflicts_with = "experiments")]
        quick: bool,

        #[command(flatten)]
        options: RunOptions,
    },
    /// Run an experiment at every point of its axes; what is finished already, or what points share, is not done again.
    ///
    /// Axes are fields of the configuration with several values, in its table `[sweep]` (docs/sweeps.md).
    Sweep(SweepOptions),
    /// Look at data sets and at how experiments share them out.
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Train the members of every setting.
    Train(Stage),
    /// Round trained members to integer networks and write them as CSV; trains what is not trained yet.
    Export(Stage),
    /// Classify the test set in the clear and under encryption; trains and exports what is missing.
    Evaluate(Stage),
    /// Choose encryption parameters for exported networks, and say what they are worth and what they will cost.
    Plan(PlanOptions),
    /// Classify the test images of a data set with exported networks, under encryption.
    Predict(PredictOptions),
    /// Serve exported networks to clients over a network: they send encrypted images and get encrypted answers.
    Serve(ServeOptions),
    /// Make a client's keys for a provider, and the request that the authority makes its certificate of.
    Enrol(EnrolOptions),
    /// Have a provider classify images that it cannot see.
    Classify(ClassifyOptions),
    /// Have a provider forget a client's keys, and its batches and answers with them.
    Forget(ClientOptions),
    /// Vouch for clients' keys: the certificate authority that providers and clients trust.
    Authority {
        #[command(subcommand)]
        command: AuthorityCommand,
    },
    /// Measure speed and noise.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Make an exported ensemble of float networks that were trained elsewhere (Keras, PyTorch, ONNX, flax, CryptoNets).
    ///
    /// Weights are rounded at given scales, or at the cheapest ones that keep their accuracy on the data set. A description
    /// says what a file does not (docs/import.md, configs/import).
    Import(ImportOptions),
    /// Draw charts and tables from a run's CSV files.
    Report {
        /// A run's folder, such as results/fig5.
        #[arg(value_name = "RUN")]
        run: PathBuf,

        #[command(flatten)]
        options: ReportOptions,
    },
    /// Set two runs, or two sweeps, side by side: configuration, parameters, machine, accuracy with tests, times as ratios.
    Compare(CompareOptions),
    /// Draw a chart over the axes of a sweep: lines with intervals, a heat map, or a frontier (docs/charts.md).
    Chart(ChartOptions),
}

#[derive(Debug, clap::Args)]
pub struct Stage {
    /// A built-in experiment (paper, fig5, fig6, fig7, quick) or a configuration file.
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: String,

    #[command(flatten)]
    pub options: RunOptions,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Download MNIST and check its SHA-256 sums.
    Fetch,
    /// Say what a data set is and what is unusual about it, or how many images of each label every member of an
    /// experiment trains on.
    Info {
        /// A data set: mnist, synthetic, a folder, an .npz file, or the name of another one in --data-dir. Or an
        /// experiment: built in (paper, fig5, fig6, fig7, quick) or a configuration file.
        #[arg(value_name = "DATA|EXPERIMENT", default_value = "fig5")]
        name: String,

        /// The PNG file for the contact sheet of a data set [default: contact-sheet-NAME.png].
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,

        /// A field of the experiment's configuration, such as ensemble.members=5; may be given several times.
        #[arg(long, value_name = "PATH=VALUE")]
        set: Vec<String>,
    },
    /// Draw a contact sheet of the first images with their labels.
    Show {
        /// Data set: mnist, synthetic, a folder, an .npz file, or the name of another one in --data-dir.
        #[arg(default_value = "mnist")]
        name: String,

        /// The PNG file to write.
        #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
        out: PathBuf,

        /// Replace that file where it is there already.
        #[arg(long)]
        replace: bool,

        /// Images in a row.
        #[arg(long, default_value_t = 20)]
        columns: usize,

        /// Rows of images.
        #[arg(long, default_value_t = 10)]
        rows: usize,

        /// Show test images instead of training images.
        #[arg(long)]
        test: bool,
    },
}
