//! The jobs of a sweep: what each reads and writes, and about what it takes.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Serialize;
use sottovoce_bfv::parameters::PAPER_DEGREE;

use super::store::Store;
use super::units::{Key, Unit};
use super::work::Work;
use crate::config::Experiment;

/// Into how many ranges of images an evaluation is cut.
pub type Shards = usize;

/// The kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Trains one member in floating point.
    Float,
    /// Trains one member with everything rounded.
    Member,
    /// Rounds the members of a point and seed to an integer ensemble.
    Export,
    /// Evaluates an ensemble on a range of the test images.
    Evaluate,
    /// Joins what was found for a point to its records.
    Merge,
    /// Joins the points' records to `table.csv` and draws the report.
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

/// The member, unit, shard or point that a job works on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Subject {
    /// A member of a unit, both by their places.
    Member(usize, usize),
    /// A unit by its place.
    Unit(usize),
    /// A unit and one of its shards.
    Shard(usize, usize),
    /// A point by its place.
    Point(usize),
    /// All of the sweep.
    Sweep,
}

/// One job, as `sottovoce sweep --list --format json` shows it. Paths are relative to the sweep's folder.
#[derive(Debug, Clone, Serialize)]
pub struct Job {
    /// The kind and the hash or name of what the job makes.
    pub id: String,
    pub kind: JobKind,
    /// A point that needs it; members and exports may serve several.
    pub point: Option<String>,
    pub seed: Option<u64>,
    /// From 1.
    pub member: Option<usize>,
    /// The first test image and the position behind the last.
    pub images: Option<(usize, usize)>,
    pub inputs: Vec<PathBuf>,
    pub outputs: Vec<PathBuf>,
    pub log: PathBuf,
    /// Threads that it can use.
    pub threads: usize,
    /// Estimated seconds of one thread, start of the program included.
    pub cpu_seconds: f64,
    /// Estimated memory.
    pub memory_bytes: u64,
    #[serde(skip)]
    pub subject: Subject,
    /// Estimated bytes of the outputs.
    #[serde(skip)]
    pub disk_bytes: u64,
}

/// Images that one thread of a current server core trains on in a second in either phase, with the paper's network.
const TRAINING_RATE: f64 = 15_000.0;

/// Seconds of one such thread for one member and batch of 8192 images under encryption with the engine, and how much
/// longer the reference takes.
const MEMBER_BATCH_SECONDS: f64 = 0.6;
const REFERENCE_RATIO: f64 = 20.0;

/// Seconds of one thread for one member and image in the clear, in floats and integers.
const CLEAR_SECONDS: f64 = 60e-6;

/// Seconds to start the program and to open MNIST.
const START_SECONDS: f64 = 0.5;

/// Bytes of the program with MNIST's images, three times: all, training and validation.
const START_BYTES: f64 = 180e6;

/// Bytes of a member's file for each weight.
const BYTES_PER_WEIGHT: f64 = 6.0;

/// Multiplications of the paper's network for an image.
const PAPER_WORK: f64 = (169 * 25 * 5 + 845 * 100 + 1000) as f64;

/// Work that grows with the network, relative to the paper's, and the number of its weights.
fn network_size(experiment: &Experiment) -> (f64, f64) {
    let shape = &experiment.architecture;
    let positions = (shape.activations() / shape.maps.max(1)) as f64;
    let taps = (shape.kernel * shape.kernel * shape.maps) as f64;
    let dense = (shape.activations() * shape.hidden + shape.hidden * shape.classes) as f64;
    ((positions * taps + dense) / PAPER_WORK, taps + dense)
}

/// All jobs of a sweep.
pub struct Graph {
    /// In an order in which every job comes behind those that it needs.
    pub jobs: Vec<Job>,
}

impl Graph {
    /// The jobs for `units`, whose evaluations are cut into `shards`.
    ///
    /// # Errors
    /// If there are more shards than test images.
    pub fn of(work: &Work<'_>, units: &[Unit], shards: Shards) -> Result<Self> {
        let sweep = Path::new("");
        let store = Store::new(sweep);
        let list = Listing { work, store: &store, units, shards };
        let mut jobs = Vec::new();
        let mut seen: HashSet<(JobKind, &Key)> = HashSet::new();
        for (index, unit) in units.iter().enumerate() {
            for (member, keys) in unit.members.iter().enumerate() {
                if seen.insert((JobKind::Float, &keys.float)) {
                    jobs.push(list.float(index, member)?);
                }
                if seen.insert((JobKind::Member, &keys.member)) {
                    jobs.push(list.member(index, member)?);
                }
            }
            if seen.insert((JobKind::Export, &unit.ensemble)) {
                jobs.push(list.export(index)?);
            }
            if seen.insert((JobKind::Evaluate, &unit.evaluation)) {
                for shard in 0..shards {
                    jobs.push(list.evaluate(index, shard)?);
                }
            }
            if units.get(index + 1).is_none_or(|next| next.point != unit.point) {
                jobs.push(list.merge(unit.point)?);
            }
        }
        jobs.push(list.report());
        Ok(Self { jobs })
    }

    /// The job `id`, with its place.
    pub fn find(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }
}

/// Everything that jobs are made from.
struct Listing<'a> {
    work: &'a Work<'a>,
    /// The shared files, relative to the sweep's folder.
    store: &'a Store,
    units: &'a [Unit],
    shards: Shards,
}

impl Listing<'_> {
    fn unit(&self, index: usize) -> Result<(&Unit, &Experiment)> {
        let unit = self.units.get(index).context("there is no such unit")?;
        Ok((unit, self.work.experiment(unit)?))
    }

    fn job(&self, kind: JobKind, name: &str, subject: Subject) -> Job {
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
            subject,
            disk_bytes: 0,
        }
    }

    /// A job of a unit.
    fn of_unit(&self, kind: JobKind, name: &str, subject: Subject, unit: &Unit) -> Job {
        let point = self.work.study.points.get(unit.point).map(|point| point.name.clone());
        Job { point, seed: Some(unit.plan.setting.seed), ..self.job(kind, name, subject) }
    }

    /// Seconds of training a member for `epochs`, if images are shared out evenly.
    fn training_seconds(&self, unit: &Unit, epochs: usize) -> Result<f64> {
        let (size, _) = network_size(self.work.experiment(unit)?);
        let images = self.work.images(unit)?.training.len() as f64 / unit.members.len().max(1) as f64;
        Ok(images * epochs as f64 * size / TRAINING_RATE)
    }

    fn float(&self, index: usize, member: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let key = &unit.members.get(member).context("there is no such member")?.float;
        let mut job = self.of_unit(JobKind::Float, key.as_str(), Subject::Member(index, member), unit);
        job.member = Some(member + 1);
        job.outputs = vec![self.store.float(key)];
        job.cpu_seconds += self.training_seconds(unit, experiment.training.float_epochs)?;
        job.disk_bytes = (network_size(experiment).1 * BYTES_PER_WEIGHT) as u64;
        Ok(job)
    }

    fn member(&self, index: usize, member: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let keys = unit.members.get(member).context("there is no such member")?;
        let mut job =
            self.of_unit(JobKind::Member, keys.member.as_str(), Subject::Member(index, member), unit);
        job.member = Some(member + 1);
        job.inputs = vec![self.store.float(&keys.float)];
        job.outputs = vec![self.store.member(&keys.member)];
        job.cpu_seconds += self.training_seconds(unit, experiment.training.quantised_epochs)?;
        job.disk_bytes = (network_size(experiment).1 * BYTES_PER_WEIGHT) as u64;
        Ok(job)
    }

    fn export(&self, index: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let mut job = self.of_unit(JobKind::Export, unit.ensemble.as_str(), Subject::Unit(index), unit);
        for keys in &unit.members {
            job.inputs.extend([self.store.float(&keys.float), self.store.member(&keys.member)]);
        }
        job.outputs = vec![self.store.training_time(&unit.ensemble)];
        let (size, weights) = network_size(experiment);
        let images = self.work.images(unit)?.data.train.len();
        job.cpu_seconds += images as f64 * unit.members.len() as f64 * size * CLEAR_SECONDS / 2.0;
        // Integers of few digits with commas.
        job.disk_bytes = (weights * 3.0) as u64 * unit.members.len() as u64;
        Ok(job)
    }

    fn evaluate(&self, index: usize, shard: usize) -> Result<Job> {
        let (unit, experiment) = self.unit(index)?;
        let (first, end) = self.work.range(unit, shard, self.shards)?;
        let name = format!("{}-{first}-{end}", unit.evaluation.as_str());
        let mut job = self.of_unit(JobKind::Evaluate, &name, Subject::Shard(index, shard), unit);
        job.images = Some((first, end));
        job.inputs = vec![self.store.training_time(&unit.ensemble)];
        job.inputs.extend(unit.members.iter().map(|keys| self.store.float(&keys.float)));
        job.outputs = vec![self.store.shard(&unit.evaluation, first, end)];
        job.threads = rayon::current_num_threads();
        let (size, _) = network_size(experiment);
        let members = unit.members.len() as f64;
        let batches = (end - first).div_ceil(experiment.encryption.degree.unwrap_or(PAPER_DEGREE)) as f64;
        let ratio = match self.work.evaluator {
            sottovoce_evaluate::Evaluator::Reference => REFERENCE_RATIO,
            sottovoce_evaluate::Evaluator::Engine(_) => 1.0,
        };
        let clear = (end - first) as f64 * members * CLEAR_SECONDS;
        job.cpu_seconds += size * (clear + (members + 1.0) * batches * MEMBER_BATCH_SECONDS * ratio);
        // Two batches of ciphertexts and what the engine works with.
        job.memory_bytes += 900_000_000;
        job.disk_bytes = 30_000;
        Ok(job)
    }

    fn merge(&self, point: usize) -> Result<Job> {
        let of = self.work.study.points.get(point).context("there is no such point")?;
        let mut job = self.job(JobKind::Merge, &of.name, Subject::Point(point));
        job.point = Some(of.name.clone());
        // Units are in the order of their points.
        let begin = self.units.partition_point(|unit| unit.point < point);
        for unit in self.units.iter().skip(begin).take_while(|unit| unit.point == point) {
            job.inputs.push(self.store.training_time(&unit.ensemble));
            for shard in 0..self.shards {
                let (first, end) = self.work.range(unit, shard, self.shards)?;
                job.inputs.push(self.store.shard(&unit.evaluation, first, end));
            }
        }
        let folder = Path::new("points").join(&of.name);
        job.outputs = vec![folder.join("accuracy.csv"), folder.join("table.csv")];
        job.disk_bytes = 60_000;
        Ok(job)
    }

    fn report(&self) -> Job {
        let mut job = self.job(JobKind::Report, "all", Subject::Sweep);
        job.inputs = self
            .work
            .study
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
