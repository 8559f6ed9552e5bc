//! Files that points share, each named by the hash of everything that it is made from.
//!
//! ```text
//! work/float/HASH.json.gz          a member after the float phase of its training
//! work/members/HASH.json.gz        a trained member, without the float network that it was made from
//! work/members/HASH.failed.json    the error of a member that could not be trained
//! work/ensembles/HASH/             an exported ensemble (CSV and manifests)
//! work/ensembles/HASH.json         the training time of the ensemble's members
//! work/evaluations/HASH/A-B.json   the evaluation on the test images A to B - 1
//! work/logs/JOB.log                the log of a job that was run with --job
//! ```
//!
//! A file appears whole or not at all, so a file that exists is finished.

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

use crate::files;
use crate::json_files::{fingerprint, write_json};

/// Digits of a hash that name a file: 96 bits.
const NAME_DIGITS: usize = 24;

/// The hash of everything that a file is made from, in hexadecimal digits that name the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct InputHash(String);

impl InputHash {
    pub fn of(inputs: &impl Serialize) -> Result<Self> {
        let mut digits = fingerprint(inputs)?;
        digits.truncate(NAME_DIGITS);
        Ok(Self(digits))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The folder of a sweep's shared files.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// The result of one phase of training.
#[derive(Debug, Serialize, Deserialize)]
pub struct Trained<T> {
    /// Fingerprint of `network`, by which altered files are detected.
    pub fingerprint: String,
    /// Seconds of one thread.
    pub seconds: f64,
    /// Images that went through training steps.
    pub images: u64,
    pub curve: Vec<CurveRow>,
    pub network: T,
}

/// A trained member without its float network.
#[derive(Debug, Serialize, Deserialize)]
pub struct Quantised {
    pub aware: FloatNetwork,
    pub quantisation: Quantisation,
}

/// The training time of the members of an exported ensemble.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TrainingTime {
    /// Seconds of one thread, for all members and both phases together. A phase that several ensembles share counts for each
    /// of them.
    pub seconds: f64,
    /// Images that went through training steps.
    pub images: u64,
}

/// Contents of `HASH.failed.json`.
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

    pub fn float(&self, hash: &InputHash) -> PathBuf {
        self.root.join("float").join(format!("{}.json.gz", hash.as_str()))
    }

    pub fn member(&self, hash: &InputHash) -> PathBuf {
        self.root.join("members").join(format!("{}.json.gz", hash.as_str()))
    }

    fn failure(&self, hash: &InputHash) -> PathBuf {
        self.root.join("members").join(format!("{}.failed.json", hash.as_str()))
    }

    pub fn ensemble(&self, hash: &InputHash) -> PathBuf {
        self.root.join("ensembles").join(hash.as_str())
    }

    /// The file that is written after all other files of an exported ensemble.
    pub fn training_time(&self, hash: &InputHash) -> PathBuf {
        self.root.join("ensembles").join(format!("{}.json", hash.as_str()))
    }

    pub fn evaluations(&self, hash: &InputHash) -> PathBuf {
        self.root.join("evaluations").join(hash.as_str())
    }

    pub fn shard(&self, hash: &InputHash, first: usize, end: usize) -> PathBuf {
        self.evaluations(hash).join(format!("{first}-{end}.json"))
    }

    pub fn log(&self, job: &str) -> PathBuf {
        self.root.join("logs").join(format!("{job}.log"))
    }

    /// Reads the result of a phase of training; `None` if the file is missing or incomplete.
    ///
    /// # Errors
    /// If the file was altered.
    pub fn read_trained<T: Serialize + DeserializeOwned>(&self, path: &Path) -> Result<Option<Trained<T>>> {
        let Ok(bytes) = fs::read(path) else { return Ok(None) };
        let mut text = Vec::new();
        if GzDecoder::new(bytes.as_slice()).read_to_end(&mut text).is_err() {
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
        files::write(path, &encoder.finish().context("cannot compress a trained network")?)
    }

    /// The error with which an earlier training of a member failed.
    pub fn read_failure(&self, hash: &InputHash) -> Option<String> {
        let failed: Failed = serde_json::from_slice(&fs::read(self.failure(hash)).ok()?).ok()?;
        Some(failed.error)
    }

    pub fn write_failure(&self, hash: &InputHash, error: &str) -> Result<()> {
        write_json(&self.failure(hash), &Failed { error: error.to_owned() })
    }

    /// Deletes the error of a member that was trained meanwhile.
    pub fn remove_failure(&self, hash: &InputHash) {
        // If the file stays, the trained member counts all the same.
        let _ = fs::remove_file(self.failure(hash));
    }

    /// Reads the shards of an evaluation: one shard with all `images` if it exists, else all shards.
    pub fn shards(&self, hash: &InputHash, images: usize) -> Vec<Shard> {
        let read = |path: &Path| serde_json::from_slice::<Shard>(&fs::read(path).ok()?).ok();
        if let Some(whole) = read(&self.shard(hash, 0, images)) {
            return vec![whole];
        }
        let Ok(entries) = fs::read_dir(self.evaluations(hash)) else { return Vec::new() };
        let paths = entries.flatten().map(|entry| entry.path());
        paths
            .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
            .filter_map(|path| read(&path))
            .collect()
    }
}
