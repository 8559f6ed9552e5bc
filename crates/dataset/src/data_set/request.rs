//! The request for a data set.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::data_set::download::MNIST_MIRRORS;
use crate::synthetic::SyntheticSize;

/// Which data set is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DataName {
    /// MNIST; its checksums are known.
    Mnist,
    /// The built-in digits.
    Synthetic,
    /// Another data set of MNIST's form, by the name that its records shall bear.
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

    /// `mnist` and `synthetic` in any case are those; every other name is another data set's.
    fn from_str(name: &str) -> Result<Self, Infallible> {
        Ok(match name.to_ascii_lowercase().as_str() {
            "mnist" => Self::Mnist,
            "synthetic" => Self::Synthetic,
            _ => Self::Other(name.to_owned()),
        })
    }
}

/// How images lie in a data set's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Orientation {
    /// Row by row: images are taken as they are stored.
    Upright,
    /// Column by column, as EMNIST's: rows and columns are exchanged.
    Transposed,
}

/// What data set is wanted, and what may be done to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which data set.
    pub name: DataName,
    /// The folder or `.npz` file that the user named: used, or an error; never passed over. Not used for
    /// [`DataName::Synthetic`].
    pub path: Option<PathBuf>,
    /// Where MNIST is looked for, and fetched to, where no folder is named.
    pub default_dir: PathBuf,
    /// Whether MNIST may be fetched.
    pub allow_download: bool,
    /// Where MNIST is fetched from, in turn.
    pub mirrors: Vec<String>,
    /// How many synthetic digits there are, asked for or fallen back to.
    pub synthetic: SyntheticSize,
    /// How images lie in the files; `None` for what the files' names say: EMNIST's are transposed, all others
    /// upright.
    pub orientation: Option<Orientation>,
    /// The label of the first class in the files, 0 or 1; `None` for 1 where all labels from 1 to the largest occur
    /// among the training images and 0 does not occur at all, as in EMNIST's letters, and 0 otherwise.
    pub first_label: Option<u8>,
    /// Whether images show dark ink on light background in the files: every pixel `p` becomes `255 - p`.
    pub invert: bool,
}

impl Request {
    /// `name` from its usual place: `data/mnist`, fetched from the public mirrors where it is missing.
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
