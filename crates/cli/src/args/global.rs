//! Options of all commands.

#[derive(Debug, clap::Args)]
pub struct GlobalOptions {
    /// Number of worker threads [default: one for each core].
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,

    /// Print the result as JSON on standard output.
    #[arg(long, global = true)]
    pub json: bool,
}
