//! Arguments of `bench`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use sottovoce_bfv::Kernel;
use sottovoce_bfv::parameters::PAPER_DEGREE;

use super::data_options::WithData;
use crate::args::policy::PolicyOptions;
use crate::key_rule::KeyRule;

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// Compare the speed of the engine and the reference evaluator on the same ciphertexts.
    Engine(EngineOptions),
    /// Compare packed and batched evaluation of one image and of many: seconds of every step, bytes and keys.
    Latency(WithData<LatencyOptions>),
    /// Compare predicted and measured noise for random networks.
    Noise(NoiseOptions),
    /// Compare the speed of the service over loopback and TLS with client and provider in one process.
    Service(WithData<BenchServiceOptions>),
}

/// Arguments of `bench service`.
#[derive(Debug, clap::Args)]
pub struct BenchServiceOptions {
    /// Folder of an exported ensemble.
    #[arg(value_name = "WEIGHTS")]
    pub weights: PathBuf,

    /// Data set whose first test images are classified, one batch: mnist, synthetic, or the name of another data set in
    /// --data-dir.
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    pub data: String,

    /// Number of repetitions; medians are reported.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub repetitions: u8,

    /// Number of clients that send one batch each at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub clients: u8,

    #[command(flatten)]
    pub policy: PolicyOptions,

    /// File for the record, as JSON.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Overwrite the file if it exists.
    #[arg(long)]
    pub replace: bool,
}

/// Arguments of `bench latency`.
#[derive(Debug, clap::Args)]
pub struct LatencyOptions {
    /// Folder of an exported ensemble.
    #[arg(long, value_name = "FOLDER", default_value = REFERENCE_ENSEMBLE)]
    pub weights: PathBuf,

    /// Data set whose first test images are classified: mnist, synthetic, or the name of another data set in --data-dir.
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    pub data: String,

    /// Numbers of images. Parameters are chosen for the largest number.
    #[arg(long, value_name = "N,...", value_delimiter = ',', default_value = "1,8,100,1000,8192", value_parser = image_count)]
    pub images: Vec<usize>,

    /// Number of rounds; medians are reported. One more round comes first and is dropped.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub rounds: u8,

    /// Largest number of packed images that are classified; the times of more images are scaled.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = image_count)]
    pub measured: usize,

    /// Folder for latency.json, latency.svg and latency.png.
    #[arg(long, value_name = "FOLDER", default_value = "results/latency")]
    pub out: PathBuf,

    /// Overwrite an earlier measurement in the folder.
    #[arg(long)]
    pub replace: bool,
}

/// The first ensemble of the reference run, in a checkout of the repository.
const REFERENCE_ENSEMBLE: &str = "results/reference/paper/members/regular-1-seed1/ensemble";

/// Reads a number of images.
fn image_count(text: &str) -> Result<usize, String> {
    let max = 1_000_000;
    match text.parse() {
        Ok(images) if (1..=max).contains(&images) => Ok(images),
        _ => Err(format!("must be between 1 and {max}")),
    }
}

/// Arguments of `bench noise`.
#[derive(Debug, clap::Args)]
pub struct NoiseOptions {
    /// Number of random networks; measuring four takes about five seconds.
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u16).range(1..))]
    pub networks: u16,

    /// Folder for noise.csv, noise.svg and noise.png.
    #[arg(long, value_name = "FOLDER", default_value = "results/noise")]
    pub out: PathBuf,

    /// Overwrite an earlier measurement in the folder.
    #[arg(long)]
    pub replace: bool,

    /// Seed of the random networks; keys do not depend on it.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Arguments of `bench engine`.
#[derive(Debug, clap::Args)]
pub struct EngineOptions {
    /// Number of networks in the ensemble.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub members: u8,

    /// Number of images in the batch [default: the ring degree].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub images: Option<u16>,

    /// Number of repetitions with the engine; medians are reported.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub repetitions: u8,

    /// Folder of an exported ensemble [default: random weights, as small and sparse as trained weights].
    #[arg(long, value_name = "FOLDER")]
    pub ensemble: Option<PathBuf>,

    /// Instruction set of the engine's inner loops: portable, avx2 or avx512 [default: the fastest that the
    /// processor has].
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<Kernel>,

    /// Key that images are encrypted with.
    #[arg(long, value_enum, default_value = "public")]
    pub key: KeyRule,

    /// Ring degree: 4096, 8192 or 16384.
    #[arg(long, value_name = "N", default_value_t = PAPER_DEGREE)]
    pub degree: usize,

    /// Skip the reference evaluator, which takes most of the time.
    #[arg(long)]
    pub no_reference: bool,

    /// Format of the result.
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A table.
    Text,
    /// JSON, as with --json.
    Json,
}
