//! What `run.json` says about a run.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

use crate::data::baseline::Baseline;

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

/// The data set of a run.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct DatasetFacts {
    name: Option<String>,
    pub(crate) synthetic: bool,
    pub(crate) train_images: Option<u64>,
    pub(crate) test_images: Option<u64>,
    pub(crate) sha256: Value,
}

/// A run's manifest. Only the data set has a fixed form; from the rest is taken what is there.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RunFacts {
    pub(crate) dataset: DatasetFacts,
    pub(crate) settings: Vec<Value>,
    pub(crate) invocations: Vec<Value>,
    pub(crate) elapsed: Value,
    /// The whole file.
    #[serde(skip)]
    pub(crate) text: Option<String>,
}

impl DatasetFacts {
    /// The data set's name, where `run.json` has one.
    pub(crate) fn recorded_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The data set's name as a chart shows it.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("Data set not recorded")
    }
}

impl RunFacts {
    /// Reads a run's `run.json`. A missing file or field leaves the facts unknown; a file that is there but cannot
    /// be read is an error, since charts of synthetic data must say so.
    pub(crate) fn read(path: &Path) -> Result<Self, RunFactsError> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            text => text.map_err(|source| RunFactsError { path: path.to_owned(), source })?,
        };
        let facts: Self = serde_json::from_str(&text)
            .map_err(|source| RunFactsError { path: path.to_owned(), source: source.into() })?;
        Ok(Self { text: Some(text), ..facts })
    }

    /// Bits of the largest plaintext modulus of any setting, the product where there are several.
    pub(crate) fn plaintext_bits(&self) -> Option<u32> {
        let bits = |setting: &Value| match setting["parameters"]["plaintext_bits"].as_f64() {
            // Below 121.
            Some(bits) => Some(bits.ceil() as u32),
            // As it was recorded before there could be several.
            None => {
                setting["parameters"]["plaintext_modulus"].as_u64().map(|t| u64::BITS - t.leading_zeros())
            }
        };
        self.settings.iter().filter_map(bits).max()
    }

    /// Slots of a ciphertext: the most images of a batch.
    pub(crate) fn slots(&self) -> Option<u64> {
        self.settings.iter().filter_map(|setting| setting["parameters"]["degree"].as_u64()).max()
    }

    /// What every setting of the sweeps has under `field` with the first seed, where it is recorded.
    pub(crate) fn first_seed_values(&self, field: impl Fn(&Value) -> Option<f64>) -> Vec<f64> {
        let sweeps: Vec<&Value> = self.settings.iter().filter(|setting| !is_baseline(setting)).collect();
        let seed = |setting: &Value| setting["setting"]["seed"].as_u64();
        let first = sweeps.iter().filter_map(|setting| seed(setting)).min();
        let of_first = sweeps.iter().filter(|setting| first.is_some() && seed(setting) == first);
        of_first.filter_map(|setting| field(setting)).collect()
    }

    /// Images that all threads together trained on in a second, in the invocation that trained most. Settings are trained
    /// side by side, so their own seconds do not add up to the clock's.
    pub(crate) fn training_rate(&self) -> Option<f64> {
        let trainings = self.invocations.iter().map(|invocation| &invocation["training"]);
        let most = trainings.max_by_key(|training| training["images"].as_u64())?;
        most["images_per_second"].as_f64()
    }
}

fn is_baseline(setting: &Value) -> bool {
    setting["setting"]["split"].as_str().is_some_and(|split| Baseline::from_split(split).is_some())
}
