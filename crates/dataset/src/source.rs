//! From a request to a data set: which folder, whether to download, when to fall back.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::canonical::Part;
use crate::content;
use crate::error::DataError;
use crate::event::Event;
use crate::fetch::{Fetch, FetchError, MIRRORS};
use crate::folder::{Verify, load_folder};
use crate::images::LabelledImages;
use crate::synthetic::{Half, SyntheticSize, synthetic_digits};

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

/// What data set is wanted, and what may be done to get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Which data set.
    pub name: DataName,
    /// The folder that the user named: used, or an error; never passed over. Not used for
    /// [`DataName::Synthetic`].
    pub explicit_dir: Option<PathBuf>,
    /// Where MNIST is looked for, and fetched to, where no folder is named.
    pub default_dir: PathBuf,
    /// Whether MNIST may be fetched.
    pub allow_download: bool,
    /// Where MNIST is fetched from, in turn.
    pub mirrors: Vec<String>,
    /// How many synthetic digits there are, asked for or fallen back to.
    pub synthetic: SyntheticSize,
}

impl Request {
    /// `name` from its usual place: `data/mnist`, fetched from the public mirrors where it is missing.
    #[must_use]
    pub fn new(name: DataName) -> Self {
        Self {
            name,
            explicit_dir: None,
            default_dir: PathBuf::from("data/mnist"),
            allow_download: true,
            mirrors: MIRRORS.map(str::to_owned).to_vec(),
            synthetic: SyntheticSize::default(),
        }
    }
}

/// Images to train on and to test on, and where they come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// The data set's name; `synthetic` for the built-in digits, whatever was asked for.
    pub name: String,
    /// Where it comes from.
    pub origin: Origin,
    /// Images to train on.
    pub train: LabelledImages,
    /// Images to test on, of the same side.
    pub test: LabelledImages,
    /// SHA-256 in hexadecimal: of each file's decompressed bytes, by its name without `.gz`; of synthetic
    /// digits' pixels followed by their labels, by `train` and `test`.
    pub checksums: BTreeMap<String, String>,
}

/// Where a data set comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Four files.
    Folder(PathBuf),
    /// Made here.
    Synthetic {
        /// Of the random numbers.
        seed: u64,
    },
}

impl DataSet {
    /// Whether these are the built-in digits: every record and chart has to say so.
    #[must_use]
    pub fn is_synthetic(&self) -> bool {
        matches!(self.origin, Origin::Synthetic { .. })
    }
}

/// Opens the data set that is asked for.
///
/// A named folder is used or is an error. Without one, MNIST is taken from `default_dir`, completed by a
/// download where it lacks files; where `default_dir` holds none of the files and none can be fetched,
/// [`Event::FellBack`] says why and the synthetic digits take its place.
///
/// # Errors
/// If a folder that is named or that holds any of the files is not a sound data set, another data set
/// than MNIST comes without a folder, a fetched file cannot be written, or no synthetic digit is asked for.
pub fn open(request: &Request, event: &mut dyn FnMut(Event)) -> Result<DataSet, DataError> {
    match (&request.name, &request.explicit_dir) {
        (DataName::Synthetic, _) => synthetic(request.synthetic),
        (DataName::Mnist, Some(folder)) => from_folder(&request.name, folder, Verify::Mnist),
        (DataName::Other(_), Some(folder)) => from_folder(&request.name, folder, Verify::RecordOnly),
        (DataName::Other(name), None) => Err(DataError::FolderNeeded { name: name.clone() }),
        (DataName::Mnist, None) => usual_mnist(request, event),
    }
}

fn usual_mnist(request: &Request, event: &mut dyn FnMut(Event)) -> Result<DataSet, DataError> {
    let folder = &request.default_dir;
    let present = Part::ALL.iter().filter(|part| part.find_in(folder).is_some()).count();
    if present == Part::ALL.len() || (present > 0 && !request.allow_download) {
        return from_folder(&request.name, folder, Verify::Mnist);
    }
    let reason = if request.allow_download {
        let fetch = Fetch { mirrors: request.mirrors.clone(), ..Fetch::default() };
        match fetch.mnist(folder, event) {
            Ok(()) => return from_folder(&request.name, folder, Verify::Mnist),
            // Only a folder that held nothing is passed over: what somebody put there is meant to be used.
            Err(error @ FetchError::NoMirror { .. }) if present == 0 => error.to_string(),
            Err(error) => return Err(error.into()),
        }
    } else {
        format!("{} holds no MNIST, and a download is not allowed", folder.display())
    };
    event(Event::FellBack { reason });
    synthetic(request.synthetic)
}

fn from_folder(name: &DataName, path: &Path, verify: Verify) -> Result<DataSet, DataError> {
    let folder = load_folder(path, verify)?;
    Ok(DataSet {
        name: name.to_string(),
        origin: Origin::Folder(path.into()),
        train: folder.train,
        test: folder.test,
        checksums: folder.checksums,
    })
}

fn synthetic(size: SyntheticSize) -> Result<DataSet, DataError> {
    let SyntheticSize { train, test, seed } = size;
    if train == 0 || test == 0 {
        return Err(DataError::NoSyntheticImages { train, test });
    }
    let (train, test) =
        (synthetic_digits(train, seed, Half::Train), synthetic_digits(test, seed, Half::Test));
    let checksum = |images: &LabelledImages| content::sha256(images.iter().chain([images.labels()]));
    let checksums =
        BTreeMap::from([("train".to_owned(), checksum(&train)), ("test".to_owned(), checksum(&test))]);
    Ok(DataSet {
        name: DataName::Synthetic.to_string(),
        origin: Origin::Synthetic { seed },
        train,
        test,
        checksums,
    })
}

#[cfg(test)]
#[path = "source_tests.rs"]
mod tests;
