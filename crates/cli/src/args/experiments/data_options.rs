//! Options of all commands that read a data set.

use std::path::PathBuf;

use clap::ValueEnum;
use sottovoce_dataset::Orientation;

use crate::args::global::GlobalOptions;

/// The arguments of a command that reads a data set.
#[derive(Debug, clap::Args)]
pub struct WithData<T: clap::Args> {
    #[command(flatten)]
    pub options: T,

    #[command(flatten)]
    pub data: DataOptions,
}

/// Options that all commands which read a data set share.
#[derive(Debug)]
pub struct SharedOptions<'a> {
    pub data: &'a DataOptions,
    /// The result is printed as JSON.
    pub json: bool,
}

impl<'a> SharedOptions<'a> {
    pub fn new(data: &'a DataOptions, global: &GlobalOptions) -> Self {
        Self { data, json: global.json }
    }
}

/// The data set, and where it comes from.
#[derive(Debug, clap::Args)]
pub struct DataOptions {
    /// Folder of the data set (IDX files, NumPy archives or folders of pictures, see docs/data.md), or its .npz file
    /// [env: SOTTOVOCE_DATA] [default: data/mnist, downloaded if missing].
    #[arg(long, global = true, value_name = "PATH")]
    pub data_dir: Option<PathBuf>,

    /// Orientation of the images in the data set's files [default: transposed for EMNIST, upright for all others].
    #[arg(long, global = true, value_enum, value_name = "ORIENTATION", hide_short_help = true)]
    pub orientation: Option<ImageOrientation>,

    /// Never download; if MNIST is missing, use the built-in synthetic digits.
    #[arg(long, global = true)]
    pub offline: bool,

    /// Mirror to download MNIST from, instead of the public mirrors; may be given several times.
    #[arg(long = "mirror", global = true, value_name = "URL", hide_short_help = true)]
    pub mirrors: Vec<String>,
}

impl DataOptions {
    /// The folder or file of the data set, from the option or the environment variable. An empty variable counts as unset.
    pub fn data_path(&self) -> Option<PathBuf> {
        let variable =
            || std::env::var_os("SOTTOVOCE_DATA").filter(|path| !path.is_empty()).map(PathBuf::from);
        self.data_dir.clone().or_else(variable)
    }
}

/// Orientation of images in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ImageOrientation {
    /// Pixels are stored row by row.
    Upright,
    /// Pixels are stored column by column: rows and columns are exchanged when images are read.
    Transposed,
}

impl From<ImageOrientation> for Orientation {
    fn from(orientation: ImageOrientation) -> Self {
        match orientation {
            ImageOrientation::Upright => Self::Upright,
            ImageOrientation::Transposed => Self::Transposed,
        }
    }
}
