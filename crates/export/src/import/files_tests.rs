//! Files that the frameworks themselves wrote, against the logits that the frameworks computed.
//!
//! The files are in `crates/export/tests/files`, and its `index.json` says what is in each; scripts in `scripts/import-files`
//! make them. `SOTTOVOCE_IMPORT_FILES` names another folder, such as one of the files that are too many to be kept.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sottovoce_network::Architecture;

use super::model::Model;
use super::{ImportError, npz};

/// What the index says of a file.
#[derive(Debug, Clone, Deserialize)]
pub struct File {
    /// The file, from the folder of the index.
    pub path: String,
    /// "graph" for a whole network, "weights" for tensors alone.
    pub kind: String,
    /// What an import comes to.
    pub expected: Expected,
    /// An `.npz` of inputs and logits.
    pub predictions: Option<String>,
    /// The order of a flattened image, where the file does not say it.
    pub flatten: Option<String>,
    /// Averages over so many rows and columns behind the first square, where the file does not say it.
    pub pool: Option<usize>,
    /// What the network does to its inputs before the convolution.
    pub inside: Option<serde_json::Value>,
    /// The layer or tensor of each part.
    pub tensors: Option<BTreeMap<String, serde_json::Value>>,
    /// The framework's own rounding, where it is larger than 1e-4 of the largest logit.
    pub tolerance: Option<f64>,
    /// What is special.
    pub note: Option<String>,
}

/// What an import comes to.
#[derive(Debug, Clone, Deserialize)]
pub struct Expected {
    /// The shapes.
    pub architecture: Option<Architecture>,
    /// A word of the error.
    pub refused: Option<String>,
}

/// An image's inputs and logits.
type Prediction = (Vec<f64>, Vec<f64>);

/// The files whose paths begin with `folder` and that are of `kind`.
pub fn files(folder: &str, kind: &str) -> Vec<File> {
    let index = fs::read_to_string(root().join("index.json")).unwrap();
    let mut files: Vec<File> = serde_json::from_str(&index).unwrap();
    files.retain(|file| file.path.starts_with(folder) && file.kind == kind);
    assert!(!files.is_empty(), "no {kind} in {folder}");
    files
}

fn root() -> PathBuf {
    std::env::var_os("SOTTOVOCE_IMPORT_FILES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/files"), PathBuf::from)
}

impl File {
    /// Where it is.
    pub fn path(&self) -> PathBuf {
        root().join(&self.path)
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        fs::read(root().join(&self.path)).unwrap()
    }

    /// The inputs that the framework was given and the logits that it computed, an image each, and by which part of the largest
    /// logit others may differ.
    pub fn predictions(&self) -> (Vec<Prediction>, f64) {
        let path = root().join(self.predictions.as_ref().unwrap());
        let bytes = fs::read(&path).unwrap();
        // Of quantised weights the framework's own logits have the rounding of activations too.
        let known = npz::names(&path, &bytes).unwrap();
        let exact = known.iter().any(|name| name == "logits_of_weights");
        let names = ["inputs", if exact { "logits_of_weights" } else { "logits" }];
        let [inputs, logits] = names.map(|name| npz::parse(&path, &bytes, name, &self.path).unwrap());
        let images = inputs.shape[0];
        let rows = |values: Vec<f64>| -> Vec<Vec<f64>> {
            values.chunks(values.len() / images).map(<[f64]>::to_vec).collect()
        };
        let tolerance = self.tolerance.filter(|_| !exact).unwrap_or(1e-4);
        (rows(inputs.values).into_iter().zip(rows(logits.values)).collect(), tolerance)
    }

    /// Describes how a network that was read differs from what the framework computed; nothing if it does not.
    pub fn difference(&self, read: &Result<Model, ImportError>) -> Option<String> {
        let problem = match (read, &self.expected.refused) {
            (Ok(_), Some(_)) if self.notes("may be imported") => None,
            (Ok(_), Some(word)) => Some(format!("is not refused for {word:?}")),
            (Err(error), Some(word)) => {
                let text = error.to_string();
                (!text.to_lowercase().contains(word)).then(|| format!("is refused without {word:?}: {text}"))
            }
            (Err(_), None) if self.notes("may be refused") => None,
            (Err(error), None) => Some(format!("is refused: {error}")),
            (Ok(model), None) => self.numeric_difference(model),
        };
        problem.map(|problem| format!("{} {problem}", self.path))
    }

    fn notes(&self, words: &str) -> bool {
        self.note.as_ref().is_some_and(|note| note.contains(words))
    }

    fn numeric_difference(&self, model: &Model) -> Option<String> {
        let expected = self.expected.architecture?;
        let found = *model.network.architecture();
        // Zeros that no window reads are not in a graph's linear maps.
        let mut same = found;
        same.padding.trailing = expected.padding.trailing;
        if same != expected || found.convolution_side() != expected.convolution_side() {
            return Some(format!("has the architecture {found:?}, not {expected:?}"));
        }
        let (predictions, tolerance) = self.predictions();
        for (input, expected) in predictions {
            let mut logits = model.network.logits(&input);
            let largest = logits.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = logits.iter().map(|logit| (logit - largest).exp()).sum();
            if self.notes("logits are probabilities") {
                logits.iter_mut().for_each(|logit| *logit = (*logit - largest).exp() / sum);
            } else if self.notes("logits are logarithms of probabilities") {
                logits.iter_mut().for_each(|logit| *logit -= largest + sum.ln());
            }
            let scale = expected.iter().fold(1e-30, |largest: f64, logit| largest.max(logit.abs()));
            let differences = logits.iter().zip(&expected).map(|(found, expected)| (found - expected).abs());
            let worst = differences.fold(0.0, f64::max) / scale;
            if worst.is_nan() || worst > tolerance {
                return Some(format!("has logits {logits:?}, not {expected:?}"));
            }
        }
        None
    }
}
