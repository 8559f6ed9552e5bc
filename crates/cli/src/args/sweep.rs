//! Options of `sweep`: points, jobs and shards to run or to list.

use clap::ValueEnum;

use super::RunOptions;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table of jobs by kind.
    Text,
    /// Every job with its inputs, outputs and command.
    Json,
}

#[derive(Debug, clap::Args)]
pub struct SweepOptions {
    /// A configuration file with axes in `[sweep]`, or a built-in experiment, whose splits and shares are axes.
    #[arg(value_name = "CONFIG")]
    pub config: String,

    #[command(flatten)]
    pub options: RunOptions,

    /// Say how many points and jobs there are, what is done already, and what the rest takes; run nothing.
    #[arg(long, conflicts_with_all = ["list", "job"])]
    pub dry_run: bool,

    /// List the jobs, for an engine that runs them on several machines; run nothing.
    #[arg(long, conflicts_with = "job")]
    pub list: bool,

    /// Form of the list.
    #[arg(long, value_enum, default_value = "text", requires = "list")]
    pub format: ListFormat,

    /// Run this job of the list alone.
    #[arg(long, value_name = "ID")]
    pub job: Option<String>,

    /// Evaluate the test images of a point and seed in this many ranges, each a job of its own.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub shards: u16,

    /// Train again what could not be trained in an earlier run.
    #[arg(long)]
    pub retry_failed: bool,
}
