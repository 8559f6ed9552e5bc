//! Arguments of `import`.

use std::path::PathBuf;

use sottovoce_export::import::format_help;

/// Files that `import` reads, and how it rounds their weights.
#[derive(Debug, clap::Args)]
pub struct ImportOptions {
    /// Files of weights, one for each member, or a description (TOML) that says how to read them.
    #[arg(value_name = "FILE", required = true, long_help = files_help())]
    pub inputs: Vec<PathBuf>,

    /// Folder for the exported ensemble; an ensemble that is there is replaced when everything has succeeded
    /// [default: results/import/<the description's or first file's name>].
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Replace an ensemble in that folder that was made from other weights.
    #[arg(long)]
    pub replace: bool,

    /// Archive (.npz) of `inputs` and `logits` that the framework computed: the float network must give the same. Once for
    /// each member, in order.
    #[arg(long, value_name = "PREDICTIONS.npz")]
    pub check: Vec<PathBuf>,

    /// Name for the exported ensemble.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Data set to measure on: mnist, synthetic, or the name of another one in --data-dir.
    #[arg(long, value_name = "NAME")]
    pub data: Option<String>,

    /// Grey levels of a pixel, 2 to 256 [default: searched for].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(2..=256))]
    pub pixel_levels: Option<u16>,

    /// Integer units in a weight of 1, for convolution, hidden and output layer, such as 32,1024,32; needs --pixel-levels
    /// [default: searched for].
    #[arg(long, value_name = "A,B,C", value_delimiter = ',', num_args = 1, requires = "pixel_levels")]
    pub scales: Vec<f64>,

    /// Points of accuracy that a search may lose [default: 0.2].
    #[arg(long, value_name = "POINTS")]
    pub tolerance: Option<f64>,
}

/// The help on files, with the formats of the registry.
fn files_help() -> String {
    format!(
        "Files of weights, one for each member, or a description (TOML) that says how to read them.\n\n{}",
        format_help()
    )
}
