//! Results in files that name the hash of their inputs.

use std::fs;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// A result, with the hash of everything that it was made from.
#[derive(Serialize, Deserialize)]
pub struct Cached<T> {
    #[serde(rename = "inputs")]
    pub input_hash: String,
    #[serde(rename = "found")]
    pub result: T,
}

/// Reads the result in the file `path`, if it was made from inputs with the hash `input_hash`. `None` if the file is missing
/// or cannot be read: the result is then made again.
pub fn read_cached<T: DeserializeOwned>(path: &Path, input_hash: &str) -> Option<T> {
    let file: Cached<T> = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (file.input_hash == input_hash).then_some(file.result)
}
