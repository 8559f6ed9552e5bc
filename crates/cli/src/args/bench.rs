//! What is measured.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use sottovoce_bfv::Kernel;
use sottovoce_bfv::parameters::PAPER_DEGREE;

use super::PolicyOptions;
use crate::config::KeyRule;

#[derive(Debug, Subcommand)]
pub enum BenchCommand {
    /// The engine against the reference evaluator, on the same ciphertexts.
    Engine(EngineOptions),
    /// The noise that is predicted against the noise that there is, over random networks.
    Noise(NoiseOptions),
    /// The service on this machine's loopback, with TLS, against client and provider in one process.
    Service(BenchServiceOptions),
}

/// What `bench service` measures.
#[derive(Debug, clap::Args)]
pub struct BenchServiceOptions {
    /// The folder of an exported ensemble.
    #[arg(value_name = "WEIGHTS")]
    pub weights: PathBuf,

    /// Data set: mnist, synthetic, or the name of another one in --data-dir; one batch of its test images is classified.
    #[arg(long, value_name = "NAME", default_value = "mnist")]
    pub data: String,

    /// Repetitions; the medians count.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=100))]
    pub repetitions: u8,

    /// Clients that send a batch each, all at the same time.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=64))]
    pub clients: u8,

    #[command(flatten)]
    pub policy: PolicyOptions,

    /// File for the record, as JSON.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    /// Replace that file where it is there already.
    #[arg(long)]
    pub replace: bool,
}

#[derive(Debug, clap::Args)]
pub struct NoiseOptions {
    /// Random networks; four are measured in five seconds or so.
    #[arg(long, value_name = "N", default_value_t = 240, value_parser = clap::value_parser!(u16).range(1..))]
    pub networks: u16,

    /// Folder for noise.csv, noise.svg and noise.png.
    #[arg(long, value_name = "FOLDER", default_value = "results/noise")]
    pub out: PathBuf,

    /// Replace an earlier measurement in that folder.
    #[arg(long)]
    pub replace: bool,

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

    /// Images in the batch [default: as many as it holds].
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16384))]
    pub images: Option<u16>,

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
