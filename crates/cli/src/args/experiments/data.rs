//! Arguments of `data`.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Download MNIST and check its SHA-256 sums.
    Fetch,
    /// Describe a data set and what is unusual about it, or count the training images of each label for every member of an
    /// experiment.
    Info {
        /// A data set: mnist, synthetic, a folder, an .npz file, or the name of another data set in --data-dir. Or an
        /// experiment: a built-in name (paper, fig5, fig6, fig7, quick) or a configuration file.
        #[arg(value_name = "DATA|EXPERIMENT", default_value = "fig5")]
        name: String,

        /// PNG file for the contact sheet of a data set [default: contact-sheet-NAME.png]. An existing file is
        /// overwritten.
        #[arg(long, value_name = "FILE")]
        sheet: Option<PathBuf>,

        /// Set a field of the experiment's configuration, such as ensemble.members=5; may be given several times.
        #[arg(long, value_name = "PATH=VALUE")]
        set: Vec<String>,
    },
    /// Draw a contact sheet of the first images with their labels.
    Show {
        /// Data set: mnist, synthetic, a folder, an .npz file, or the name of another data set in --data-dir.
        #[arg(default_value = "mnist")]
        name: String,

        /// PNG file to write.
        #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
        out: PathBuf,

        /// Overwrite the PNG file if it exists.
        #[arg(long)]
        replace: bool,

        /// Number of images in a row.
        #[arg(long, default_value_t = 20)]
        columns: usize,

        /// Number of rows.
        #[arg(long, default_value_t = 10)]
        rows: usize,

        /// Show test images instead of training images.
        #[arg(long)]
        test: bool,
    },
}
