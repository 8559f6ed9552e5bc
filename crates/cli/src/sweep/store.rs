//! Files that points share, each named by the hash of what it was made from.
//!
//! ```text
//! work/float/HASH.json.gz          a member after the float phase of its training
//! work/members/HASH.json.gz        a trained member, without the float network that it was made from
//! work/members/HASH.failed.json    why a member could not be trained
//! work/ensembles/HASH/             an exported ensemble (CSV and manifests)
//! work/ensembles/HASH.json         how long its members were trained
//! work/evaluations/HASH/A-B.json   what was found on the test images A to B - 1
//! work/logs/JOB.log                what a job did that was run by itself
//! ```
//!
//! A file is written whole or not at all, so one that is there is finished.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sottovoce_evaluate::Shard;
use sottovoce_network::{FloatNetwork, Quantisation};
use sottovoce_train::CurveRow;

use super::units::Key;
use crate::run_folder::{self, fingerprint};

/// The folder of a sweep's shared files.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// Result of one phase of training.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trained<T> {
    /// Fingerprint of `network`: of a file's contents, it tells whether they were altered.
    pub fingerprint: String,
    /// Seconds of one thread.
    pub seconds: f64,
    /// Images that went through training steps.
    pub images: u64,
    pub curve: Vec<CurveRow>,
    pub network: T,
}

/// A trained member, but the float network.
#[derive(Debug, Serialize, Deserialize)]
pub struct Quantised {
    pub aware: FloatNetwork,
    pub quantisation: Quantisation,
}

/// How long the members of an exported ensemble were trained.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainingTime {
    /// Seconds of one thread, all members and both phases together; phases that ensembles share count for each of them.
    pub seconds: f64,
    /// Images that went through training steps.
    pub images: u64,
}

/// Why a member could not be trained.
#[derive(Debug, Serialize, Deserialize)]
struct Failed {
    error: String,
}

impl<T: Serialize> Trained<T> {
    pub fn new(network: T, seconds: f64, images: u64, curve: Vec<CurveRow>) -> Result<Self> {
        Ok(Self { fingerprint: fingerprint(&network)?, seconds, images, curve, network })
    }
}

impl Store {
    pub fn new(sweep: &Path) -> Self {
        Self { root: sweep.join("work") }
    }

    pub fn float(&self, key: &Key) -> PathBuf {
        self.root.join("float").join(format!("{}.json.gz", key.as_str()))
    }

    pub fn member(&self, key: &Key) -> PathBuf {
        self.root.join("members").join(format!("{}.json.gz", key.as_str()))
    }

    fn failure(&self, key: &Key) -> PathBuf {
        self.root.join("members").join(format!("{}.failed.json", key.as_str()))
    }

    pub fn ensemble(&self, key: &Key) -> PathBuf {
        self.root.join("ensembles").join(key.as_str())
    }

    /// The file that an exported ensemble ends with: it is there once all others are.
    pub fn training_time(&self, key: &Key) -> PathBuf {
        self.root.join("ensembles").join(format!("{}.json", key.as_str()))
    }

    pub fn evaluations(&self, key: &Key) -> PathBuf {
        self.root.join("evaluations").join(key.as_str())
    }

    pub fn shard(&self, key: &Key, first: usize, end: usize) -> PathBuf {
        self.evaluations(key).join(format!("{first}-{end}.json"))
    }

    pub fn log(&self, job: &str) -> PathBuf {
        self.root.join("logs").join(format!("{job}.log"))
    }

    /// Reads the result of a phase of training; nothing where the file is not there or was cut short.
    ///
    /// # Errors
    /// If the file was altered.
    pub fn read_trained<T: Serialize + DeserializeOwned>(&self, path: &Path) -> Result<Option<Trained<T>>> {
        let Ok(bytes) = fs::read(path) else { return Ok(None) };
        let mut text = Vec::new();
        if GzDecoder::new(&bytes[..]).read_to_end(&mut text).is_err() {
            return Ok(None);
        }
        let Ok(trained) = serde_json::from_slice::<Trained<T>>(&text) else { return Ok(None) };
        ensure!(
            trained.fingerprint == fingerprint(&trained.network)?,
            "{} was altered after training; delete it to train again",
            path.display()
        );
        Ok(Some(trained))
    }

    pub fn write_trained<T: Serialize>(&self, path: &Path, trained: &Trained<T>) -> Result<()> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut encoder, trained).context("cannot encode a trained network as JSON")?;
        run_folder::write(path, &encoder.finish().context("cannot compress a trained network")?)
    }

    /// The error that an earlier try to train a member ended with.
    pub fn read_failure(&self, key: &Key) -> Option<String> {
        let failed: Failed = serde_json::from_slice(&fs::read(self.failure(key)).ok()?).ok()?;
        Some(failed.error)
    }

    pub fn write_failure(&self, key: &Key, error: &str) -> Result<()> {
        run_folder::write_json(&self.failure(key), &Failed { error: error.to_owned() })
    }

    /// Forgets that a member could not be trained.
    pub fn remove_failure(&self, key: &Key) {
        // If the file stays, training is tried again all the same and its result counts.
        let _ = fs::remove_file(self.failure(key));
    }

    /// Shards of an evaluation, of all files that are there: the whole test set in one where that is there, else all others.
    pub fn shards(&self, key: &Key, images: usize) -> Vec<Shard> {
        let read = |path: &Path| serde_json::from_slice::<Shard>(&fs::read(path).ok()?).ok();
        if let Some(whole) = read(&self.shard(key, 0, images)) {
            return vec![whole];
        }
        let Ok(entries) = fs::read_dir(self.evaluations(key)) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .filter_map(|path| read(&path))
            .collect()
    }
}
