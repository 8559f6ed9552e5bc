//! The folder of a run or a sweep.
//!
//! ```text
//! config.toml                       the experiment, with all fields
//! run.lock                          locked while a process works in the folder
//! run.json                          machine, versions, data, parameters, times
//! accuracy.csv  layers.csv  ...     records; charts and tables are drawn from them
//! figure5.svg  figure5.png  ...     charts
//! accuracy.md  layers.md  ...       tables
//! report.html                       all charts and tables on one page
//! members/<setting>/trained.json    members in floating point
//! members/<setting>/training.csv    training curves
//! members/<setting>/ensemble/       integer networks (CSV and manifests)
//! settings/<setting>.json           the evaluation of one setting
//! bits/<bits>.json                  the evaluation of one logit range
//! elapsed.json                      the measurement of elapsed time
//! ```

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, anyhow, bail};

use crate::output;

/// The folder of one run. No other process works in it as long as this value lives.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
    _lock: Arc<File>,
}

const CONFIG: &str = "config.toml";

/// The file that distinguishes a sweep's folder from a run's.
pub const SWEEP_RECORD: &str = "sweep.json";

impl RunFolder {
    /// Creates the folder and locks it. Both fail early if the folder cannot be written to, before hours are spent.
    ///
    /// # Errors
    /// If the folder cannot be created or locked, or another process has locked it.
    pub fn create(root: &Path) -> Result<Self> {
        let advice = || {
            format!("cannot write to the run's folder {}; choose another folder with --out", root.display())
        };
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

    /// The file `run.json`.
    pub fn run_record(&self) -> PathBuf {
        self.root.join("run.json")
    }

    /// The CSV file of one kind of records, such as `accuracy`.
    pub fn csv_records(&self, kind: &str) -> PathBuf {
        self.root.join(format!("{kind}.csv"))
    }

    pub fn trained_members(&self, setting: &str) -> PathBuf {
        self.root.join("members").join(setting).join("trained.json")
    }

    pub fn training_curve(&self, setting: &str) -> PathBuf {
        self.root.join("members").join(setting).join("training.csv")
    }

    /// The folder of a setting's integer networks.
    pub fn ensemble(&self, setting: &str) -> PathBuf {
        self.root.join("members").join(setting).join("ensemble")
    }

    pub fn evaluation(&self, setting: &str) -> PathBuf {
        self.root.join("settings").join(format!("{setting}.json"))
    }

    /// The evaluation of the logit range of `bits` bits.
    pub fn logit_range(&self, bits: u32) -> PathBuf {
        self.root.join("bits").join(format!("{bits}.json"))
    }

    pub fn elapsed(&self) -> PathBuf {
        self.root.join("elapsed.json")
    }
}

/// The kind of records in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// Records of `reproduce` and its stages.
    Run,
    /// Records of `sweep`.
    Sweep,
}

impl RecordKind {
    fn title(self) -> &'static str {
        match self {
            Self::Run => "the run",
            Self::Sweep => "the sweep",
        }
    }
}

/// Refuses the folder `root` if it holds records of another experiment than `name` or of another kind, unless `replace` is set.
pub fn check_experiment(root: &Path, kind: RecordKind, name: &str, replace: bool) -> Result<()> {
    #[derive(serde::Deserialize)]
    struct Named {
        name: String,
    }
    let Ok(text) = fs::read_to_string(root.join(CONFIG)) else { return Ok(()) };
    let earlier = toml::from_str::<Named>(&text).map(|named| named.name).unwrap_or_default();
    let earlier_kind = if root.join(SWEEP_RECORD).exists() { RecordKind::Sweep } else { RecordKind::Run };
    if replace || (earlier == name && earlier_kind == kind) {
        return Ok(());
    }
    bail!(
        "{} holds {} {earlier:?}, not {} {name:?}; choose another folder with --out, or replace the records with --replace",
        root.display(),
        earlier_kind.title(),
        kind.title(),
    )
}

/// The exit code of programs that Ctrl-C ended: 128 + SIGINT.
const EXIT_INTERRUPTED: i32 = 130;

/// The folder that the message at Ctrl-C names.
static INTERRUPTIBLE: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Makes Ctrl-C print that finished work is kept in `folder` and how to resume, before it ends the program.
///
/// Files appear whole or not at all, so nothing has to be cleaned up.
pub fn explain_interrupt(folder: &Path) {
    let first = match INTERRUPTIBLE.lock() {
        Ok(mut current) => current.replace(folder.to_owned()).is_none(),
        Err(_) => return,
    };
    // If the handler cannot be installed, Ctrl-C ends the program without a message.
    if first {
        let _ = ctrlc::set_handler(|| {
            let folder = INTERRUPTIBLE.lock().ok().and_then(|folder| folder.clone()).unwrap_or_default();
            output::remark(&format!(
                "\ninterrupted: finished work is kept in {}; run the same command again to resume",
                folder.display()
            ));
            std::process::exit(EXIT_INTERRUPTED);
        });
    }
}
