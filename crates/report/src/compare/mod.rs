//! What differs between two runs, or between two sweeps: configuration, parameters, machine, accuracy, times.
//!
//! Two runs are compared setting by setting: those with the same split method, range of shares and seed, whatever their numbers are.
//! Two sweeps are compared point by point on the axes that both have; where an axis is one sweep's alone, the mean over its values
//! stands for them.
//!
//! The records hold counts of correct answers and not which images they were of, so two runs cannot be compared image by image
//! (McNemar's test, which the statistics of one run have). What is left is used: differences of settings that differ by nothing but the
//! run are pairs (`statistics`), and two counts of one setting are two proportions as if of different images.

mod accuracy;
mod error;
mod fields;
mod run;
mod sweep;
mod tables;
mod times;

use std::path::Path;

use serde::Serialize;

pub use accuracy::{AccuracyDifference, PairedTest, Place};
pub use error::CompareError;
pub use fields::FieldDifference;
pub use times::TimeRatio;

/// What two folders of one kind hold, side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// `runs` or `sweeps`.
    pub kind: Kind,
    /// The folders as they were named.
    pub folders: [String; 2],
    /// Where each was made: processor, cores, threads.
    pub machines: [String; 2],
    /// Fields of both `config.toml` that differ.
    pub configuration: Vec<FieldDifference>,
    /// Fields of the encryption parameters that differ in some common setting.
    pub parameters: Vec<FieldDifference>,
    /// What else `run.json` says differently: data set, machine, versions.
    pub provenance: Vec<FieldDifference>,
    /// Axes that only the first and only the second sweep has.
    pub axes_apart: [Vec<String>; 2],
    /// Whether both classified the same test images; `None` where `run.json` does not say.
    pub same_images: Option<bool>,
    /// Accuracy of every common setting, seed and voter.
    pub accuracy: Vec<AccuracyDifference>,
    /// Rows of accuracy, setting, seed and voter, without a partner in the other.
    pub without_partner: [usize; 2],
    /// Tests of the ensemble over pairs of one seed.
    pub tests: Vec<PairedTest>,
    /// Times of both, and their ratios.
    pub times: Vec<TimeRatio>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Two folders with `accuracy.csv`.
    Runs,
    /// Two folders with `table.csv`.
    Sweeps,
}

impl Kind {
    /// The kind of a folder.
    fn of(folder: &Path) -> Result<Self, CompareError> {
        if !folder.is_dir() {
            return Err(CompareError::NoFolder { path: folder.to_owned() });
        }
        if folder.join("table.csv").is_file() {
            Ok(Self::Sweeps)
        } else if folder.join("accuracy.csv").is_file() {
            Ok(Self::Runs)
        } else {
            Err(CompareError::NoRun { path: folder.to_owned() })
        }
    }

    fn singular(self) -> &'static str {
        match self {
            Self::Runs => "run",
            Self::Sweeps => "sweep",
        }
    }
}

/// Compares two run folders, or two folders of sweeps.
///
/// # Errors
/// If a folder holds neither, they are of different kinds, a record is missing or broken, or they have no setting or point in
/// common.
pub fn compare(first: &Path, second: &Path) -> Result<Comparison, CompareError> {
    match (Kind::of(first)?, Kind::of(second)?) {
        (Kind::Runs, Kind::Runs) => run::compare(first, second),
        (Kind::Sweeps, Kind::Sweeps) => sweep::compare(first, second),
        (one, other) => Err(CompareError::DifferentKinds {
            first: first.to_owned(),
            first_kind: one.singular(),
            second: second.to_owned(),
            second_kind: other.singular(),
        }),
    }
}
