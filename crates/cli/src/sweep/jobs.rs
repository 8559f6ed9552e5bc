//! The jobs of a sweep, with their inputs, outputs and estimated costs.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sottovoce_bfv::parameters::PAPER_DEGREE;

use super::steps::SweepSteps;
use super::store::{InputHash, Store};
use super::units::{Unit, units_of_point};
use crate::config::experiment::Experiment;

/// The kind of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Trains one member in floating point.
    Float,
    /// Trains one member in the quantised phase, from its float network.
    Member,
    /// Rounds the members of a point and seed to an integer ensemble.
    Export,
    /// Evaluates an ensemble on a range of the test images.
    Evaluate,
    /// Merges the shards of a point and writes the point's records.
    Merge,
    /// Joins the tables of all points to `table.csv` and draws the report.
    Report,
}

impl JobKind {
    pub const ALL: [Self; 6] =
        [Self::Float, Self::Member, Self::Export, Self::Evaluate, Self::Merge, Self::Report];
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Float => "float",
            Self::Member => "member",
            Self::Export => "export",
            Self::Evaluate => "evaluate",
            Self::Merge => "merge",
            Self::Report => "report",
        })
    }
}

/// The part of the sweep that a job works on. All numbers are indices from 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum JobTarget {
    Member { unit: usize, member: usize },
    Unit { unit: usize },
    Shard { unit: usize, shard: usize },
    Point { point: usize },
    Sweep,
}

/// One job, as `sottovoce sweep --list --format json` shows it. Paths are relative to the sweep's folder.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// The kind, and the hash or name of the output.
    pub id: String,
    pub kind: JobKind,
    /// The first point that needs the job's output; other points may need it as well.
    pub point: Option<String>,
    pub seed: Option<u64>,
    /// Number of the member, from 1.
    pub member: Option<usize>,
    /// Index of the first test image, and the index after the last.
    pub images: Option<(usize, usize)>,
    pub inputs: Vec<PathBuf>,
    pub outputs: Vec<PathBuf>,
    pub log: PathBuf,
    /// Threads that the job can use.
    pub threads: usize,
    /// Estimated seconds of one thread, including the start of the program.
    pub cpu_seconds: f64,
    /// Estimated bytes of memory.
    pub memory_bytes: u64,
    #[serde(skip)]
    pub target: JobTarget,
    /// Estimated bytes of the outputs.
    #[serde(skip)]
    pub disk_bytes: u64,
}

/// Images per second that one thread of a current server core trains on in either phase, with the paper's network.
const TRAINING_RATE: f64 = 15_000.0;

/// Seconds of one such thread for one member and batch of 8192 images under encryption with the engine.
const MEMBER_BATCH_SECONDS: f64 = 0.6;

/// Time of the reference evaluator, relative to the engine's.
const REFERENCE_RATIO: f64 = 20.0;

/// Seconds of one thread for one member and image in the clear, in floats and in integers together.
const CLEAR_SECONDS: f64 = 60e-6;

/// Seconds to start the program and open MNIST.
const START_SECONDS: f64 = 0.5;

/// Memory in bytes of the program with MNIST's images: all, the training images and the validation images.
const START_BYTES: f64 = 180e6;

/// Bytes in a member's file for each weight.
const BYTES_PER_WEIGHT: f64 = 6.0;

/// Multiplications of the paper's network for one image.
const PAPER_MULTIPLICATIONS: f64 = (169 * 25 * 5 + 845 * 100 + 1000) as f64;

/// The multiplications of an experiment's network, relative to the paper's network, and the number of its weights.
fn network_size(experiment: &Experiment) -> (f64, f64) {
    let shape = &experiment.architecture;
    let positions = (shape.activations() / shape.maps.max(1)) as f64;
    let taps = (shape.kernel * shape.kernel * shape.maps) as f64;
    let dense = (shape.activations() * shape.hidden + shape.hidden * shape.classes) as f64;
    ((positions * taps + dense) / PAPER_MULTIPLICATIONS, taps + dense)
}

/// All jobs of a sweep.
pub struct JobGraph {
    /// The jobs; every job comes after the jobs that it needs.
    pub jobs: Vec<Job>,
}

impl JobGraph {
    /// The jobs for `units`, each of whose evaluations is cut into `shard_count` shards.
    ///
    /// # Errors
    /// If there are more shards than test images.
    pub fn of(steps: &SweepSteps<'_>, units: &[Unit], shard_count: usize) -> Result<Self> {
        let store = Store::new(Path::new(""));
        let builder = JobBuilder { steps, store: &store, units, shard_count };
        let mut jobs = Vec::new();
        let mut seen: HashSet<(JobKind, &InputHash)> = HashSet::new();
        for (index, unit) in units.iter().enumerate() {
            for (member, hashes) in unit.members.iter().enumerate() {
                if seen.insert((JobKind::Float, &hashes.float)) {
                    jobs.push(builder.float_job(index, member)?);
                }
                if seen.insert((JobKind::Member, &hashes.member)) {
                    jobs.push(builder.member_job(index, member)?);
                }
            }
            if seen.insert((JobKind::Export, &unit.ensemble)) {
                jobs.push(builder.export_job(index)?);
            }
            if seen.insert((JobKind::Evaluate, &unit.evaluation)) {
                for shard in 0..shard_count {
                    jobs.push(builder.evaluate_job(index, shard)?);
                }
            }
            if units.get(index + 1).is_none_or(|next| next.point != unit.point) {
                jobs.push(builder.merge_job(unit.point)?);
            }
        }
        jobs.push(builder.report_job());
        Ok(Self { jobs })
    }

    /// The job with the identifier `id`.
    pub fn find(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

/// Builds the jobs of a sweep.
struct JobBuilder<'a> {
    steps: &'a SweepSteps<'a>,
    /// The shared files, relative to the sweep's folder.
    store: &'a Store,
    units: &'a [Unit],
    shard_count: usize,
}

impl JobBuilder<'_> {
    fn unit(&self, index: usize) -> Result<(&Unit, &Experiment)> {
        let unit = self.units.get(index).context("there is no such unit")?;
        Ok((unit, self.steps.experiment(unit)?))
    }

    fn job(&self, kind: JobKind, name: &str, target: JobTarget) -> Job {
        let id = format!("{kind}-{name}");
        Job {
            log: self.store.log(&id),
            id,
            kind,
            point: None,
            seed: None,
            member: None,
            images: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            threads: 1,
            cpu_seconds: START_SECONDS,
            memory_bytes: START_BYTES as u64,
            target,
            disk_bytes: 0,
        }
    }

    /// A job for one unit.
    fn unit_job(&self, kind: JobKind, name: &str, target: JobTarget, unit: &Unit) -> Job {
        let point = self.steps.sweep.points.get(unit.point).map(|point| point.name.clone());
        Job { point, seed: Some(unit.setting.id.seed), ..self.job(kind, name, target) }
    }

    /// Seconds of training a member for `epochs`, if images are divided evenly.
    fn training_seconds(&self, unit: &Unit, epochs: usize) -> Result<f64> {
        let (size, _) = network_size(self.steps.experiment(unit)?);
        let images = self.steps.images(unit)?.training.len() as f64 / unit.members.len().max(1) as f64;
        Ok(images * epochs as f64 * size / TRAINING_RATE)
    }

    fn float_job(&self, index: usize, member: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let key = &unit.members.get(member).context("there is no such member")?.float;
        let mut job =
            self.unit_job(JobKind::Float, key.as_str(), JobTarget::Member { unit: index, member }, unit);
        job.member = Some(member + 1);
        job.outputs = vec![self.store.float(key)];
        job.cpu_seconds += self.training_seconds(unit, experiment.training.float_epochs)?;
        job.disk_bytes = (network_size(experiment).1 * BYTES_PER_WEIGHT) as u64;
        Ok(job)
    }

    fn member_job(&self, index: usize, member: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let hashes = unit.members.get(member).context("there is no such member")?;
        let mut job = self.unit_job(
            JobKind::Member,
            hashes.member.as_str(),
            JobTarget::Member { unit: index, member },
            unit,
        );
        job.member = Some(member + 1);
        job.inputs = vec![self.store.float(&hashes.float)];
        job.outputs = vec![self.store.member(&hashes.member)];
        job.cpu_seconds += self.training_seconds(unit, experiment.training.quantised_epochs)?;
        job.disk_bytes = (network_size(experiment).1 * BYTES_PER_WEIGHT) as u64;
        Ok(job)
    }

    fn export_job(&self, index: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let mut job =
            self.unit_job(JobKind::Export, unit.ensemble.as_str(), JobTarget::Unit { unit: index }, unit);
        for hashes in &unit.members {
            job.inputs.extend([self.store.float(&hashes.float), self.store.member(&hashes.member)]);
        }
        job.outputs = vec![self.store.training_time(&unit.ensemble)];
        let (size, weights) = network_size(experiment);
        let images = self.steps.images(unit)?.data.train.len();
        job.cpu_seconds += images as f64 * unit.members.len() as f64 * size * CLEAR_SECONDS / 2.0;
        // A weight is an integer of few digits and a comma, in CSV.
        job.disk_bytes = (weights * 3.0) as u64 * unit.members.len() as u64;
        Ok(job)
    }

    fn evaluate_job(&self, index: usize, shard: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let (first, end) = self.steps.shard_images(unit, shard, self.shard_count)?;
        let name = format!("{}-{first}-{end}", unit.evaluation.as_str());
        let mut job = self.unit_job(JobKind::Evaluate, &name, JobTarget::Shard { unit: index, shard }, unit);
        job.images = Some((first, end));
        job.inputs = vec![self.store.training_time(&unit.ensemble)];
        job.inputs.extend(unit.members.iter().map(|hashes| self.store.float(&hashes.float)));
        job.outputs = vec![self.store.shard(&unit.evaluation, first, end)];
        job.threads = rayon::current_num_threads();
        let (size, _) = network_size(experiment);
        let members = unit.members.len() as f64;
        let batches = (end - first).div_ceil(experiment.encryption.degree.unwrap_or(PAPER_DEGREE)) as f64;
        let ratio = match self.steps.evaluator {
            sottovoce_evaluate::Evaluator::Reference => REFERENCE_RATIO,
            sottovoce_evaluate::Evaluator::Engine(_) => 1.0,
        };
        let clear = (end - first) as f64 * members * CLEAR_SECONDS;
        job.cpu_seconds += size * (clear + (members + 1.0) * batches * MEMBER_BATCH_SECONDS * ratio);
        // Two batches of ciphertexts, and the engine's buffers.
        job.memory_bytes += 900_000_000;
        job.disk_bytes = 30_000;
        Ok(job)
    }

    fn merge_job(&self, point: usize) -> Result<Job> {
        let name = &self.steps.sweep.points.get(point).context("there is no such point")?.name;
        let mut job = self.job(JobKind::Merge, name, JobTarget::Point { point });
        job.point = Some(name.clone());
        for unit in units_of_point(self.units, point) {
            job.inputs.push(self.store.training_time(&unit.ensemble));
            for shard in 0..self.shard_count {
                let (first, end) = self.steps.shard_images(unit, shard, self.shard_count)?;
                job.inputs.push(self.store.shard(&unit.evaluation, first, end));
            }
        }
        let folder = Path::new("points").join(name);
        job.outputs = vec![folder.join("accuracy.csv"), folder.join("table.csv")];
        job.disk_bytes = 60_000;
        Ok(job)
    }

    fn report_job(&self) -> Job {
        let mut job = self.job(JobKind::Report, "all", JobTarget::Sweep);
        job.inputs = self
            .steps
            .sweep
            .points
            .iter()
            .map(|point| Path::new("points").join(&point.name).join("table.csv"))
            .collect();
        job.outputs = vec![PathBuf::from("table.csv"), PathBuf::from("report.html")];
        job.cpu_seconds += 2.0;
        job.disk_bytes = 2_000_000;
        job
    }
}
