//! Where a run's files lie.
//!
//! ```text
//! config.toml                       the experiment as it was run
//! run.json                          machine, versions, data, parameters, times
//! accuracy.csv  layers.csv          the records, from which everything below is drawn
//! figure5.svg  figure5.png  ...     charts
//! accuracy.md  layers.md            tables
//! members/<setting>/trained.json    members in floating point
//! members/<setting>/training.csv    training curves
//! members/<setting>/ensemble/       integer networks (CSV and manifests)
//! settings/<setting>.json           what was found for one setting
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sha2::{Digest, Sha256};
use sottovoce_network::atomic_file;

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes the folder and makes sure that files can be written to it, before hours are spent on what they
    /// are to hold.
    pub fn create(root: &Path) -> Result<Self> {
        let folder = Self { root: root.to_owned() };
        let advice =
            || format!("cannot write to the run's folder {}; choose another one with --out", root.display());
        fs::create_dir_all(root).with_context(advice)?;
        let probe = root.join("writable");
        atomic_file::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).with_context(advice)?;
        Ok(folder)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    pub fn record(&self) -> PathBuf {
        self.root.join("run.json")
    }

    pub fn accuracy(&self) -> PathBuf {
        self.root.join("accuracy.csv")
    }

    pub fn layers(&self) -> PathBuf {
        self.root.join("layers.csv")
    }

    pub fn trained(&self, setting: &str) -> PathBuf {
        self.root.join("members").join(setting).join("trained.json")
    }

    pub fn curve(&self, setting: &str) -> PathBuf {
        self.root.join("members").join(setting).join("training.csv")
    }

    pub fn ensemble(&self, setting: &str) -> PathBuf {
        self.root.join("members").join(setting).join("ensemble")
    }

    pub fn evaluation(&self, setting: &str) -> PathBuf {
        self.root.join("settings").join(format!("{setting}.json"))
    }
}

/// Writes `value` as JSON, with the folders above it, whole or not at all.
pub fn write_json(path: &Path, value: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(value).context("cannot encode a record as JSON")?;
    text.push('\n');
    write(path, text.as_bytes())
}

/// Writes a file, with the folders above it, whole or not at all.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    folder
        .and_then(|()| atomic_file::write(path, bytes))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Identifies what a file was made from: SHA-256, in hexadecimal, of the JSON of everything that went in.
/// A file is made again exactly when this changes.
pub fn inputs(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_vec(value).context("cannot encode a stage's inputs")?;
    Ok(Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect())
}
