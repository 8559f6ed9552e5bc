//! The request for a data set.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::data_set::download::MNIST_MIRRORS;
use crate::synthetic::SyntheticSize;

/// Name of a requested data set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataName {
    /// MNIST, whose checksums are verified.
    Mnist,
    /// The built-in synthetic digits.
    Synthetic,
    /// Another data set, with the name that records use.
    Other(String),
}

impl fmt::Display for DataName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mnist => "mnist",
            Self::Synthetic => "synthetic",
            Self::Other(name) => name,
        })
    }
}

impl FromStr for DataName {
    type Err = Infallible;

    /// Parses `mnist` and `synthetic` in any case. Every other text is the name of another data set.
    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "mnist" => Self::Mnist,
            "synthetic" => Self::Synthetic,
            _ => Self::Other(name.to_owned()),
        })
    }
}

/// Order of the pixels in the files of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Row by row. Images are not changed.
    Upright,
    /// Column by column, as in EMNIST. Rows and columns are exchanged.
    Transposed,
}

/// A request for a data set, which [`open`](crate::open) fulfils.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Name of the data set.
    pub name: DataName,
    /// Folder or `.npz` file that the user named. It is used, or opening fails. [`DataName::Synthetic`] ignores it.
    pub path: Option<PathBuf>,
    /// Folder in which MNIST is looked for, and to which it is downloaded, if no path is named.
    pub default_dir: PathBuf,
    /// True if MNIST may be downloaded.
    pub allow_download: bool,
    /// Addresses from which MNIST is downloaded, in the order in which they are tried.
    pub mirrors: Vec<String>,
    /// Sizes and seed of the synthetic digits.
    pub synthetic: SyntheticSize,
    /// Order of the pixels in the files. `None` decides by the names of the files: EMNIST is transposed, all others are
    /// upright.
    pub orientation: Option<Orientation>,
    /// Label of the first class in the files, 0 or 1. `None` means 1 if all labels from 1 to the largest occur among the
    /// training images and 0 does not occur at all, as in EMNIST's letters, and 0 otherwise.
    pub first_label: Option<u8>,
    /// True if the images in the files show dark ink on light paper. Every pixel `p` becomes `255 - p`.
    pub invert: bool,
}

impl Request {
    /// Requests `name` with the default settings: MNIST is looked for in `data/mnist` and may be downloaded from the public
    /// mirrors.
    #[must_use]
    pub fn new(name: DataName) -> Self {
        Self {
            name,
            path: None,
            default_dir: PathBuf::from("data/mnist"),
            allow_download: true,
            mirrors: MNIST_MIRRORS.map(str::to_owned).to_vec(),
            synthetic: SyntheticSize::default(),
            orientation: None,
            first_label: None,
            invert: false,
        }
    }
}
