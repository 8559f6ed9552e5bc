//! Which runs are compared, and how it is told.

use std::path::PathBuf;

use clap::ValueEnum;

/// What `compare` compares.
#[derive(Debug, clap::Args)]
pub struct CompareOptions {
    /// The folder of a run, such as results/fig5, or of a sweep.
    #[arg(value_name = "RUN")]
    pub first: PathBuf,

    /// The folder of another one of that kind.
    #[arg(value_name = "RUN")]
    pub second: PathBuf,

    /// Form of the tables on standard output.
    #[arg(long, value_enum, value_name = "FORM", default_value = "text")]
    pub format: TableFormat,
}

/// The form of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableFormat {
    /// Columns for a terminal.
    Text,
    /// Markdown.
    Md,
    /// LaTeX with `booktabs`.
    Latex,
}
