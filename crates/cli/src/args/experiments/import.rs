//! Arguments of `import`.

use std::path::PathBuf;

use sottovoce_export::import::format_help;

/// Arguments of `import`.
#[derive(Debug, clap::Args)]
pub struct ImportOptions {
    /// Files of weights, one for each member, or one description (TOML) that names the files and how to read them.
    #[arg(value_name = "FILE", required = true, long_help = files_help())]
    pub inputs: Vec<PathBuf>,

    /// Folder for the exported ensemble; an earlier import of the same weights is replaced after the import succeeded
    /// [default: results/import/NAME, with the name of the description or the first file].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Replace an ensemble in the folder that was made from other weights.
    #[arg(long)]
    pub replace: bool,

    /// Archive (.npz) of `inputs` and the framework's `logits`, with which the float network's logits are compared. Give one
    /// archive for each member, in order.
    #[arg(long, value_name = "PREDICTIONS.npz")]
    pub check: Vec<PathBuf>,

    /// Name for the exported ensemble.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Data set to measure accuracy and ranges on: mnist, synthetic, or the name of another data set in --data-dir
    /// [default: the description's, else mnist].
    #[arg(long, value_name = "NAME")]
    pub data: Option<String>,

    /// Grey levels of a pixel, 2 to 256 [default: the description's, else the cheapest that keeps the accuracy].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=256))]
    pub pixel_levels: Option<u16>,

    /// Scales of the weights in the convolution, hidden and output layer, such as 32,1024,32: the integer for a weight of 1.
    /// Needs --pixel-levels [default: the description's, else the cheapest that keeps the accuracy].
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', num_args = 1, requires = "pixel_levels")]
    pub scales: Vec<f64>,

    /// Accuracy that a search may lose, in percentage points [default: the description's, else 0.2].
    #[arg(long, value_name = "POINTS")]
    pub tolerance: Option<f64>,
}

/// The help on files, with the formats that `import` reads.
fn files_help() -> String {
    format!(
        "Files of weights, one for each member, or one description (TOML) that names the files and how to read them.\n\n{}",
        format_help()
    )
}
