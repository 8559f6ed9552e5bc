//! Arguments as typed.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use sottovoce_bfv::Kernel;
use sottovoce_bfv::parameters::PAPER_DEGREE;
use sottovoce_bfv::planner::Fixed;
use sottovoce_evaluate::{Evaluator, Policy, RangeRule};

use crate::config::{ConfigError, KeyRule};

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
        sottovoce import my-weights.toml         networks that were trained elsewhere\n  \
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
    /// Folder of the data set's four IDX files, plain or .gz [default: data/mnist, downloaded where missing].
    #[arg(long, global = true, value_name = "FOLDER", env = "SOTTOVOCE_DATA")]
    pub data_dir: Option<PathBuf>,

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
    Plan {
        /// Folders of exported ensembles, such as those of `import` and `export`; several share one encryption.
        #[arg(value_name = "WEIGHTS", required = true)]
        weights: Vec<PathBuf>,

        /// Images that parameters are chosen and time is predicted for.
        #[arg(long, value_name = "N", default_value_t = TEST_IMAGES, value_parser = images)]
        images: usize,

        /// Run one batch of random images as well, and set what is measured beside what was expected.
        #[arg(long)]
        measure: bool,

        /// Plan for the engine or for the reference evaluator.
        #[arg(long, value_enum, default_value = "engine")]
        evaluator: EvaluatorName,

        /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the best there is].
        #[arg(long, value_name = "NAME")]
        kernel: Option<Kernel>,

        #[command(flatten)]
        options: PolicyOptions,
    },
    /// Classify the test images of a data set with exported networks, under encryption.
    Predict {
        /// The folder of an exported ensemble, such as one of `import` or `export`.
        #[arg(value_name = "WEIGHTS")]
        weights: PathBuf,

        /// Data set: mnist, synthetic, or the name of another one in --data-dir.
        #[arg(long, value_name = "NAME", default_value = "mnist")]
        data: String,

        /// Classify the first so many test images alone.
        #[arg(long, value_name = "N", value_parser = images)]
        images: Option<usize>,

        #[command(flatten)]
        policy: PolicyOptions,

        #[command(flatten)]
        options: RunOptions,
    },
    /// Measure speed and noise.
    Bench {
        #[command(subcommand)]
        command: BenchCommand,
    },
    /// Make an exported ensemble of float weights that were trained elsewhere (Keras, PyTorch, CryptoNets).
    ///
    /// The description says where the weights are and how their axes lie; docs/import.md and configs/import explain
    /// it. Weights are rounded at given scales, or at the cheapest ones that keep their accuracy on the data set.
    Import {
        /// The description, a TOML file.
        #[arg(value_name = "DESCRIPTION")]
        description: PathBuf,

        /// Folder for the exported ensemble; an ensemble that is there is replaced when everything has succeeded
        /// [default: results/import/<description's name>].
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Draw charts and tables from a run's CSV files.
    Report {
        /// A run's folder, such as results/fig5.
        #[arg(value_name = "RUN")]
        run: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// The engine against the reference evaluator, on the same ciphertexts.
    Engine(EngineOptions),
    /// The noise that is predicted against the noise that there is, over random networks.
    Noise(NoiseOptions),
}

#[derive(Debug, clap::Args)]
pub struct NoiseOptions {
    /// Random networks; four are measured in five seconds or so.
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u16).range(1..))]
    pub networks: u16,

    /// Folder for noise.csv, noise.svg and noise.png.
    #[arg(long, value_name = "FOLDER", default_value = "results/noise")]
    pub out: PathBuf,

    /// Decides the networks, not the keys.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// What `bench engine` measures.
#[derive(Debug, clap::Args)]
pub struct EngineOptions {
    /// Networks in the ensemble.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub members: u8,

    /// Images in the batch.
    #[arg(long, default_value_t = 8192, value_parser = clap::value_parser!(u16).range(1..=8192))]
    pub images: u16,

    /// The engine's repetitions; the median counts.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub repetitions: u8,

    /// An exported ensemble's folder [default: random weights as small and sparse as trained ones].
    #[arg(long, value_name = "FOLDER")]
    pub ensemble: Option<PathBuf>,

    /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the best there is].
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<Kernel>,

    /// What images are encrypted with.
    #[arg(long, value_enum, default_value = "public")]
    pub key: KeyRule,

    /// Ring degree: 4096, 8192 or 16384.
    #[arg(long, value_name = "N", default_value_t = PAPER_DEGREE)]
    pub degree: usize,

    /// Leave the reference out, which takes most of the time.
    #[arg(long)]
    pub no_reference: bool,

    /// How the result is printed.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Json,
}

/// How encryption parameters are chosen.
#[derive(Debug, clap::Args)]
pub struct PolicyOptions {
    /// What the plaintext modulus must hold: the largest logit over training images with a margin, or what is proven for
    /// every image [default: observed where the export says what was observed].
    #[arg(long, value_enum)]
    pub range: Option<RangeName>,

    /// The fraction by which logits may exceed the observed range.
    #[arg(long, value_name = "FRACTION", default_value_t = 0.15, value_parser = margin)]
    pub range_margin: f64,

    /// What images are encrypted with.
    #[arg(long, value_enum, default_value = "auto")]
    pub key: KeyRule,

    /// Ring degree: 4096, 8192 or 16384 [default: chosen].
    #[arg(long, value_name = "N")]
    pub degree: Option<usize>,

    /// Plaintext moduli, primes that are 1 modulo twice the degree [default: chosen].
    #[arg(long, value_name = "T,...", value_delimiter = ',')]
    pub plaintext_moduli: Option<Vec<u64>>,

    /// Bits of every ciphertext prime, two to eight of 24 to 53 [default: chosen].
    #[arg(long, value_name = "BITS,...", value_delimiter = ',')]
    pub ciphertext_prime_bits: Option<Vec<usize>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RangeName {
    Observed,
    Proven,
}

impl PolicyOptions {
    /// The policy that was asked for, for networks whose logits were observed or not; an error where it asks for parameters
    /// that are not secure or cannot be.
    pub fn policy(&self, observed: bool) -> Result<Policy, ConfigError> {
        let range = match self.range {
            Some(RangeName::Proven) => RangeRule::Proven,
            Some(RangeName::Observed) => RangeRule::Observed,
            None if observed => RangeRule::Observed,
            None => RangeRule::Proven,
        };
        let fixed = Fixed {
            encryption: self.key.encryption(),
            degree: self.degree,
            plaintext_moduli: self.plaintext_moduli.clone(),
            ciphertext_prime_bits: self.ciphertext_prime_bits.clone(),
        };
        fixed.check().map_err(ConfigError::Parameters)?;
        Ok(Policy { range, range_margin: self.range_margin, fixed })
    }
}

/// As many as MNIST has to test on.
const TEST_IMAGES: usize = 10_000;

fn images(text: &str) -> Result<usize, String> {
    let most = 10_000_000;
    match text.parse() {
        Ok(images) if (1..=most).contains(&images) => Ok(images),
        _ => Err(format!("must be between 1 and {most}")),
    }
}

fn margin(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(margin) if (0.0..=100.0).contains(&margin) => Ok(margin),
        _ => Err("must be between 0 and 100".to_owned()),
    }
}

#[derive(Debug, clap::Args)]
pub struct Stage {
    /// A built-in experiment (paper, fig5, fig6, fig7, quick) or a configuration file.
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: String,

    #[command(flatten)]
    pub options: RunOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EvaluatorName {
    Engine,
    Reference,
}

#[derive(Debug, clap::Args)]
pub struct RunOptions {
    /// How ciphertexts are evaluated: `engine` is fast, `reference` uses the encryption library's public operations
    /// alone. The answers are the same.
    #[arg(long, value_enum, default_value = "engine")]
    pub evaluator: EvaluatorName,

    /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the best there is].
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<Kernel>,

    /// Folder for the run's files; with several experiments, each gets a folder of its name in it
    /// [default: results/<experiment's name>].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

impl RunOptions {
    /// The evaluator that was asked for.
    pub fn evaluator(&self) -> Evaluator {
        self.evaluator.with_kernel(self.kernel)
    }
}

impl EvaluatorName {
    /// The evaluator of that name, with a kernel of one's choice or the best there is.
    pub fn with_kernel(self, kernel: Option<Kernel>) -> Evaluator {
        match self {
            Self::Engine => Evaluator::Engine(kernel.unwrap_or_else(Kernel::detect)),
            Self::Reference => Evaluator::Reference,
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Download MNIST and check its SHA-256 sums.
    Fetch,
    /// Say what the data set is, and how many images of each label every member of an experiment trains on.
    Info {
        /// A built-in experiment (paper, fig5, fig6, fig7, quick) or a configuration file.
        #[arg(value_name = "EXPERIMENT", default_value = "fig5")]
        experiment: String,
    },
    /// Draw a contact sheet of the first images with their labels.
    Show {
        /// Data set: mnist, synthetic, or the name of another one in --data-dir.
        #[arg(default_value = "mnist")]
        name: String,

        /// The PNG file to write.
        #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
        out: PathBuf,

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
