//! Arguments of `reproduce`, `train`, `export`, `evaluate` and `sweep`.

use std::path::PathBuf;

use clap::ValueEnum;

use crate::args::evaluator::EvaluatorOptions;

/// Arguments of `reproduce`.
#[derive(Debug, clap::Args)]
pub struct ReproduceOptions {
    /// Experiments: built-in names (paper, fig5, fig6, fig7, quick) or configuration files [default: paper].
    #[arg(value_name = "EXPERIMENT")]
    pub experiments: Vec<String>,

    /// Run the experiment `quick` instead: one setting with short training.
    #[arg(long, conflicts_with = "experiments")]
    pub quick: bool,

    #[command(flatten)]
    pub run: RunOptions,
}

/// Arguments of `train`, `export` and `evaluate`.
#[derive(Debug, clap::Args)]
pub struct StageOptions {
    /// A built-in experiment (paper, fig5, fig6, fig7, quick) or a configuration file.
    #[arg(value_name = "EXPERIMENT")]
    pub experiment: String,

    #[command(flatten)]
    pub run: RunOptions,
}

/// Options of every command that runs an experiment.
#[derive(Debug, clap::Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub evaluator: EvaluatorOptions,

    /// Folder for the run's files; several experiments get a subfolder each, with the experiment's name
    /// [default: results/NAME, with the experiment's name].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Set a field of the configuration, such as training.clip=0.5; may be given several times.
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,

    /// Replace the records of another experiment in the folder.
    #[arg(long)]
    pub replace: bool,
}

/// Arguments of `sweep`.
#[derive(Debug, clap::Args)]
pub struct SweepOptions {
    /// A configuration file with axes in its table `[sweep]`, or a built-in experiment, whose splits and shares are axes.
    #[arg(value_name = "CONFIG")]
    pub config: String,

    #[command(flatten)]
    pub run: RunOptions,

    /// Print the number of points and jobs, what is done, and the estimated time of the rest; run nothing.
    #[arg(long, conflicts_with_all = ["list", "job"])]
    pub dry_run: bool,

    /// List the jobs, for a workflow engine that runs them on several machines; run nothing.
    #[arg(long, conflicts_with = "job")]
    pub list: bool,

    /// Format of the list.
    #[arg(long, value_enum, default_value = "text", requires = "list")]
    pub format: ListFormat,

    /// Run only this job of the list.
    #[arg(long, value_name = "ID")]
    pub job: Option<String>,

    /// Number of shards: the test images of each point and seed are divided into this many ranges, and each range is
    /// evaluated by its own job.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub shards: u16,

    /// Train members again that could not be trained in an earlier run.
    #[arg(long)]
    pub retry_failed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table with the number of jobs of each kind.
    Text,
    /// Every job with its inputs, outputs and command.
    Json,
}
