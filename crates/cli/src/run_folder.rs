//! Where a run's files lie.
//!
//! ```text
//! config.toml                       the experiment as it was run
//! run.lock                          held while a process works here
//! run.json                          machine, versions, data, parameters, times
//! accuracy.csv  layers.csv  ...     the records, from which everything below is drawn
//! figure5.svg  figure5.png  ...     charts
//! accuracy.md  layers.md  ...       tables
//! report.html                       all of it on one page
//! members/<setting>/trained.json    members in floating point
//! members/<setting>/training.csv    training curves
//! members/<setting>/ensemble/       integer networks (CSV and manifests)
//! settings/<setting>.json           what was found for one setting
//! bits/<bits>.json                  what was found for one logit range
//! elapsed.json                      what was found about elapsed time
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use sottovoce_network::atomic_file;
use sottovoce_network::disk::sha256;

/// The folder of one run, which no other process works on as long as this value lives.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
    _lock: Arc<File>,
}

/// The kind of records in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Those of `reproduce` and its stages.
    Run,
    /// Those of `sweep`.
    Sweep,
}

/// The file that tells a sweep's folder from a run's.
pub const SWEEP_RECORD: &str = "sweep.json";

/// Refuses the folder `root` where it holds another experiment than `name`, or another kind of records, unless `replace`
/// asks for it.
pub fn check_claim(root: &Path, kind: Kind, name: &str, replace: bool) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let Ok(text) = fs::read_to_string(root.join(CONFIG)) else { return Ok(()) };
    let earlier = toml::from_str::<Named>(&text).map(|named| named.name).unwrap_or_default();
    let found = if root.join(SWEEP_RECORD).exists() { Kind::Sweep } else { Kind::Run };
    if replace || (earlier == name && found == kind) {
        return Ok(());
    }
    let what = match found {
        Kind::Run => "a run of the experiment",
        Kind::Sweep => "the sweep",
    };
    bail!(
        "{} holds {what} {earlier:?}, and this is {} {name:?}; choose another folder with --out, or let its records be replaced with \
         --replace",
        root.display(),
        match kind {
            Kind::Run => "a run of",
            Kind::Sweep => "the sweep",
        }
    )
}

const CONFIG: &str = "config.toml";

impl RunFolder {
    /// Makes the folder and locks it, which also makes sure that files can be written to it before hours are
    /// spent on what they are to hold.
    pub fn create(root: &Path) -> Result<Self> {
        let advice =
            || format!("cannot write to the run's folder {}; choose another one with --out", root.display());
        fs::create_dir_all(root).with_context(advice)?;
        let lock = File::create(root.join("run.lock")).with_context(advice)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { root: root.to_owned(), _lock: Arc::new(lock) }),
            Err(TryLockError::WouldBlock) => {
                bail!(
                    "another process is working in {}; wait for it, or choose another folder with --out",
                    root.display()
                )
            }
            Err(TryLockError::Error(error)) => Err(anyhow!(error)).with_context(advice),
        }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn config(&self) -> PathBuf {
        self.root.join(CONFIG)
    }

    pub fn record(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// The records of one kind, such as `accuracy`.
    pub fn records(&self, kind: &str) -> PathBuf {
        self.root.join(format!("{kind}.csv"))
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

    pub fn bits(&self, bits: u32) -> PathBuf {
        self.root.join("bits").join(format!("{bits}.json"))
    }

    pub fn elapsed(&self) -> PathBuf {
        self.root.join("elapsed.json")
    }
}

/// Refuses to write a result over the file `path`, unless `replace` asks for it.
pub fn check_replaceable(path: &Path, replace: bool) -> Result<()> {
    // A link to nowhere is somebody's file, too.
    if replace || path.symlink_metadata().is_err() {
        return Ok(());
    }
    bail!(
        "{} is there already, and is not replaced; say where else with --out, or replace it with --replace",
        path.display()
    )
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

/// Identifies a value: SHA-256, in hexadecimal, of its JSON. Of everything that went into a file, it tells
/// when the file has to be made again; of a file's contents, whether they were altered.
pub fn fingerprint(value: &impl Serialize) -> Result<String> {
    Ok(sha256(&serde_json::to_vec(value).context("cannot encode a stage's inputs")?))
}
