//! Options of all commands.

#[cfg(feature = "experiments")]
use super::data_options::DataOptions;

#[derive(Debug, clap::Args)]
pub struct GlobalOptions {
    #[cfg(feature = "experiments")]
    #[command(flatten)]
    pub data: DataOptions,

    /// Number of worker threads [default: one for each core].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Print the result as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
}
