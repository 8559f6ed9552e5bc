//! The result of a comparison.

use std::path::Path;

use serde::Serialize;

use crate::data::comparison::accuracy::{AccuracyDifference, PairedTest};
use crate::data::comparison::error::CompareError;
use crate::data::comparison::fields::FieldDifference;

/// Differences between two folders of one kind.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// `runs` or `sweeps`.
    pub kind: FolderKind,
    /// The folders as they were named.
    pub folders: [String; 2],
    /// Machine of each: processor, cores, threads.
    pub machines: [String; 2],
    /// Fields of both `config.toml` that differ.
    pub configuration: Vec<FieldDifference>,
    /// Fields of the encryption parameters that differ in some common setting.
    pub parameters: Vec<FieldDifference>,
    /// Other fields of `run.json` that differ: data set, machine, versions.
    pub provenance: Vec<FieldDifference>,
    /// Axes that only the first sweep has, and axes that only the second sweep has.
    pub axes_apart: [Vec<String>; 2],
    /// True if both classified the same test images; `None` if `run.json` does not say.
    pub same_images: Option<bool>,
    /// Accuracy of every common setting, seed and voter.
    pub accuracy: Vec<AccuracyDifference>,
    /// Number of rows (setting, seed, voter) of each without a partner in the other.
    pub without_partner: [usize; 2],
    /// Tests of the ensemble over pairs of one seed.
    pub tests: Vec<PairedTest>,
    /// Times of both, and their ratios.
    pub times: Vec<TimeRatio>,
}

/// Kind of the folders that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FolderKind {
    /// Two folders with `accuracy.csv`.
    Runs,
    /// Two folders with `table.csv`.
    Sweeps,
}

impl FolderKind {
    /// The kind of a folder.
    pub(crate) fn of(folder: &Path) -> Result<Self, CompareError> {
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

    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Runs => "run",
            Self::Sweeps => "sweep",
        }
    }
}

/// A time or rate of both folders.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeRatio {
    /// Description of the measurement.
    pub what: String,
    /// `s`, or `images/s`.
    pub unit: &'static str,
    /// Values of the first and of the second.
    pub values: [f64; 2],
    /// The second value divided by the first.
    pub ratio: f64,
}

impl TimeRatio {
    /// The ratio of two values; `None` unless both are positive and finite.
    pub(crate) fn of(what: impl Into<String>, unit: &'static str, first: f64, second: f64) -> Option<Self> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        (positive(first) && positive(second)).then(|| Self {
            what: what.into(),
            unit,
            values: [first, second],
            ratio: second / first,
        })
    }
}
