//! The result of a comparison.

use std::path::Path;

use serde::Serialize;

use crate::data::comparison::accuracy::{AccuracyDifference, PairedTest};
use crate::data::comparison::error::CompareError;
use crate::data::comparison::fields::FieldDifference;

/// What two folders of one kind hold, side by side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// `runs` or `sweeps`.
    pub kind: FolderKind,
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

/// What took how long in both.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TimeRatio {
    /// What was measured.
    pub what: String,
    /// `s`, or `images/s`.
    pub unit: &'static str,
    /// The first's and the second's.
    pub values: [f64; 2],
    /// The second divided by the first.
    pub ratio: f64,
}

impl TimeRatio {
    /// The ratio of two positive values.
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
