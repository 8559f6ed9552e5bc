//! Facts about a run, read from `run.json`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::data::baseline::Baseline;
use crate::data::values::json_at;

/// `run.json` exists but cannot be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot read {path}, which says whether the data is synthetic; repair it, or remove it to draw charts \
     that name no data set"
)]
pub struct RunFactsError {
    /// The file.
    pub path: PathBuf,
    /// Why it cannot be read.
    pub source: std::io::Error,
}

/// Facts about the data set of a run.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DatasetFacts {
    name: Option<String>,
    pub(crate) synthetic: bool,
    pub(crate) train_images: Option<u64>,
    pub(crate) test_images: Option<u64>,
    pub(crate) sha256: Value,
}

/// The manifest of a run. Only the data set has a fixed form; other fields are used if they are present.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunFacts {
    pub(crate) dataset: DatasetFacts,
    pub(crate) settings: Vec<Value>,
    pub(crate) invocations: Vec<Value>,
    pub(crate) elapsed: Value,
    /// Text of the whole file, if there is a file.
    #[serde(skip)]
    pub(crate) text: Option<String>,
}

impl DatasetFacts {
    /// Name of the data set, if `run.json` has one.
    pub(crate) fn recorded_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Name of the data set as charts show it.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("Data set not recorded")
    }
}

impl RunFacts {
    /// Reads `run.json`. If the file or a field is missing, the facts are unknown.
    ///
    /// # Errors
    /// If the file exists but cannot be read. Charts of synthetic data must say so, and only this file tells.
    pub(crate) fn read(path: &Path) -> Result<Self, RunFactsError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|source| RunFactsError { path: path.to_owned(), source })?,
        };
        let facts: Self = serde_json::from_str(&text)
            .map_err(|source| RunFactsError { path: path.to_owned(), source: source.into() })?;
        Ok(Self { text: Some(text), ..facts })
    }

    /// Bits of the largest plaintext modulus of any setting. Several moduli count as their product.
    pub(crate) fn plaintext_bits(&self) -> Option<u32> {
        let bits = |setting: &Value| match json_at(setting, "/parameters/plaintext_bits").as_f64() {
            // Below 121.
            Some(bits) => Some(bits.ceil() as u32),
            // Records before there could be several moduli.
            None => json_at(setting, "/parameters/plaintext_modulus")
                .as_u64()
                .map(|t| u64::BITS - t.leading_zeros()),
        };
        self.settings.iter().filter_map(bits).max()
    }

    /// Slots of a ciphertext: the largest number of images in a batch.
    pub(crate) fn slots(&self) -> Option<u64> {
        self.settings.iter().filter_map(|setting| json_at(setting, "/parameters/degree").as_u64()).max()
    }

    /// Values of `field` in all settings with the first seed, baselines left out. Settings without the field are left out.
    pub(crate) fn first_seed_values(&self, field: impl Fn(&Value) -> Option<f64>) -> Vec<f64> {
        let sweeps: Vec<&Value> = self.settings.iter().filter(|setting| !is_baseline(setting)).collect();
        let seed = |setting: &Value| json_at(setting, "/setting/seed").as_u64();
        let first = sweeps.iter().filter_map(|setting| seed(setting)).min();
        let of_first = sweeps.iter().filter(|setting| first.is_some() && seed(setting) == first);
        of_first.filter_map(|setting| field(setting)).collect()
    }

    /// Images per second that all threads together trained on, in the invocation that trained most images. Settings are
    /// trained in parallel, so the sum of their seconds is not the elapsed time.
    pub(crate) fn training_rate(&self) -> Option<f64> {
        let trainings = self.invocations.iter().map(|invocation| json_at(invocation, "/training"));
        let most = trainings.max_by_key(|training| json_at(training, "/images").as_u64())?;
        json_at(most, "/images_per_second").as_f64()
    }
}

fn is_baseline(setting: &Value) -> bool {
    json_at(setting, "/setting/split").as_str().is_some_and(|split| Baseline::from_split(split).is_some())
}
