//! All jobs of a sweep in one process, and one job by itself.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use sottovoce_evaluate::RangeKind;

use super::jobs::{Job, Shards, Subject};
use super::records::{
    Evaluated, PointFailure, PointState, write_failures, write_point, write_sweep, write_table,
};
use super::units::{Key, Unit};
use super::work::{Report, Work};
use crate::output;
use crate::progress::Progress;
use crate::run_record::Invocation;
use crate::stages::{is_of_setting, warn_of_range};

/// The table and the states of points are written this often while a sweep runs.
const WRITE_EVERY: Duration = Duration::from_secs(5);

/// How a sweep ended.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    pub states: Vec<PointState>,
    /// Members that were trained, ensembles that were exported and evaluations that were made; not those that were there.
    pub trained: usize,
    pub exported: usize,
    pub evaluated: usize,
    /// Decrypted logits that differ from the integer oracle, and images with logits beyond the plaintext modulus.
    pub mismatches: u64,
    pub outside: usize,
}

impl Summary {
    pub fn failures(&self) -> impl Iterator<Item = &PointFailure> {
        self.states.iter().flat_map(|state| match state {
            PointState::Failed(failures) => failures.as_slice(),
            _ => &[],
        })
    }
}

/// Runs what is missing of all `units`, point by point, and writes the records to the folder `sweep`.
///
/// # Errors
/// If a file cannot be read or written. A point that fails is recorded, and the others go on.
pub fn run(
    work: &Work<'_>,
    units: &[Unit],
    shards: Shards,
    sweep: &Path,
    retry: bool,
    invocation: &Invocation,
) -> Result<Summary> {
    let mut summary =
        Summary { states: vec![PointState::Open; work.study.points.len()], ..Summary::default() };
    write_sweep(sweep, work, &summary.states)?;
    let mut failed = train(work, units, retry, &mut summary)?;
    let observed = |unit: &&Unit| {
        work.experiment(unit).is_ok_and(|experiment| experiment.encryption.range == RangeKind::Observed)
    };
    if units.iter().any(|unit| observed(&unit)) {
        warn_of_range(RangeKind::Observed);
    }
    let mut written = Instant::now();
    let mut begin = 0;
    for (point, of) in work.study.points.iter().enumerate() {
        let count = units.iter().skip(begin).take_while(|unit| unit.point == point).count();
        let own = units.get(begin..begin + count).unwrap_or_default();
        begin += count;
        let mut failures = Vec::new();
        for unit in own {
            let failure = |stage, error| PointFailure {
                point: of.name.clone(),
                seed: unit.plan.setting.seed,
                stage,
                error,
            };
            if let Some(error) = failed.remove(&(point, unit.plan.setting.seed)) {
                failures.push(failure("train", error));
                continue;
            }
            if !work.is_exported(unit) {
                if let Err(error) = work.export(unit) {
                    failures.push(failure("export", of_setting(error)?));
                    continue;
                }
                summary.exported += 1;
            }
            match evaluate(work, unit, shards) {
                Ok(made) => summary.evaluated += usize::from(made),
                Err(error) => failures.push(failure("evaluate", of_setting(error)?)),
            }
        }
        for failure in &failures {
            output::remark(&format!("{} seed {} failed: {}", failure.point, failure.seed, failure.error));
        }
        let state = if failures.is_empty() {
            merge(work, own, point, sweep, invocation, &mut summary)?;
            PointState::Done
        } else {
            PointState::Failed(failures)
        };
        if let Some(place) = summary.states.get_mut(point) {
            *place = state;
        }
        if written.elapsed() >= WRITE_EVERY {
            write_records(work, sweep, &summary.states)?;
            written = Instant::now();
        }
    }
    write_records(work, sweep, &summary.states)?;
    Ok(summary)
}

/// Writes what was found so far.
pub fn write_records(work: &Work<'_>, sweep: &Path, states: &[PointState]) -> Result<()> {
    write_table(sweep, work.study, states)?;
    write_failures(sweep, states)?;
    write_sweep(sweep, work, states)
}

/// An error of one setting as text; any other comes back as it is.
fn of_setting(error: anyhow::Error) -> Result<String> {
    if is_of_setting(&error) { Ok(format!("{error:#}")) } else { Err(error) }
}

/// Members whose training begins with the same float phase: the places of their units, and of the member in each.
type Family = Vec<(usize, usize)>;

/// Trains all members that are missing and that an export still needs, families side by side. The errors of those that failed, by
/// point and seed.
fn train(
    work: &Work<'_>,
    units: &[Unit],
    retry: bool,
    summary: &mut Summary,
) -> Result<HashMap<(usize, u64), String>> {
    let mut families: BTreeMap<&Key, Family> = BTreeMap::new();
    let mut order: Vec<&Key> = Vec::new();
    let mut seen: HashSet<&Key> = HashSet::new();
    let mut errors: HashMap<&Key, String> = HashMap::new();
    for (index, unit) in units.iter().enumerate() {
        if work.is_exported(unit) {
            continue;
        }
        for (member, keys) in unit.members.iter().enumerate() {
            if !seen.insert(&keys.member) || work.store.member(&keys.member).is_file() {
                continue;
            }
            if let Some(error) = work.store.read_failure(&keys.member).filter(|_| !retry) {
                errors
                    .insert(&keys.member, format!("{error} (in an earlier try; --retry-failed tries again)"));
                continue;
            }
            families
                .entry(&keys.float)
                .or_insert_with(|| {
                    order.push(&keys.float);
                    Vec::new()
                })
                .push((index, member));
        }
    }
    let families: Vec<Family> = order.iter().filter_map(|key| families.remove(key)).collect();
    let members: usize = families.iter().map(Vec::len).sum();
    if members > 0 {
        let steps = families.iter().map(|family| images_of(work, units, family)).sum::<Result<u64>>()?;
        let progress =
            Progress::new(&format!("training {}", output::counted(members, "member", "members")), steps);
        let (start, counts, images) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
        let report = |step: sottovoce_train::StepReport| {
            progress.advance(step.images as u64);
            let images = images.fetch_add(step.images as u64, Ordering::Relaxed) as f64;
            // A bar that changes its words at every step cannot be read.
            if counts.fetch_add(1, Ordering::Relaxed).is_multiple_of(100) {
                progress.note(&format!(
                    "{:.0} images/s, loss {:.3}",
                    images / start.elapsed().as_secs_f64(),
                    step.loss
                ));
            }
        };
        let failures: Mutex<Vec<(Key, String)>> = Mutex::default();
        families
            .par_iter()
            .with_max_len(1)
            .try_for_each(|family| train_family(work, units, family, &report, &failures))?;
        let failures = failures.into_inner().unwrap_or_default();
        summary.trained = members - failures.len();
        for (key, error) in failures {
            work.store.write_failure(&key, &error)?;
            if let Some(keys) = units.iter().flat_map(|unit| &unit.members).find(|keys| keys.member == key) {
                errors.insert(&keys.member, error);
            }
        }
    }
    let mut failed = HashMap::new();
    for unit in units.iter().filter(|unit| !work.is_exported(unit)) {
        if let Some(error) = unit.members.iter().find_map(|keys| errors.get(&keys.member)) {
            failed.insert((unit.point, unit.plan.setting.seed), error.clone());
        }
    }
    Ok(failed)
}

/// Images that go through training steps for a family, if nothing of it is there and no member diverges.
fn images_of(work: &Work<'_>, units: &[Unit], family: &Family) -> Result<u64> {
    let mut images = 0;
    for (place, &(index, _)) in family.iter().enumerate() {
        let unit = units.get(index).context("a family of no unit")?;
        let training = &work.experiment(unit)?.training;
        let epochs = training.quantised_epochs + if place == 0 { training.float_epochs } else { 0 };
        images += work.images(unit)?.training.len() * epochs / unit.members.len().max(1);
    }
    Ok(images as u64)
}

/// Trains the float phase of a family, and from it each of its members.
fn train_family(
    work: &Work<'_>,
    units: &[Unit],
    family: &Family,
    report: Report<'_>,
    failures: &Mutex<Vec<(Key, String)>>,
) -> Result<()> {
    let unit = |index: usize| units.get(index).context("a family of no unit");
    let &(first, member) = family.first().context("a family of nobody")?;
    let part = work.part(unit(first)?, member)?;
    let fail = |(index, member): (usize, usize), error: String| -> Result<()> {
        let keys = unit(index)?.members.get(member).context("there is no such member")?;
        if let Ok(mut failures) = failures.lock() {
            failures.push((keys.member.clone(), error));
        }
        Ok(())
    };
    let float = match work.float(unit(first)?, member, &part, report) {
        Ok(float) => float.network,
        Err(error) => {
            let error = of_setting(error)?;
            return family.iter().try_for_each(|&place| fail(place, error.clone()));
        }
    };
    family.par_iter().with_max_len(1).try_for_each(|&(index, member)| {
        match work.member(unit(index)?, member, &part, &float, report) {
            Ok(_) => Ok(()),
            Err(error) => fail((index, member), of_setting(error)?),
        }
    })
}

/// Evaluates the shards of a unit that are missing; whether there were any.
fn evaluate(work: &Work<'_>, unit: &Unit, shards: Shards) -> Result<bool> {
    if work.merged(unit).is_ok_and(|merged| merged.is_some()) {
        return Ok(false);
    }
    let exported = work.exported(unit)?;
    let session = work.session(unit, &exported)?;
    for shard in 0..shards {
        let (first, end) = work.range(unit, shard, shards)?;
        if !work.store.shard(&unit.evaluation, first, end).is_file() {
            work.evaluate(unit, &exported, &session, (first, end))?;
        }
    }
    Ok(true)
}

/// Joins the shards of a point's units and writes its records.
fn merge(
    work: &Work<'_>,
    own: &[Unit],
    point: usize,
    sweep: &Path,
    invocation: &Invocation,
    summary: &mut Summary,
) -> Result<()> {
    let mut evaluated = Vec::new();
    for unit in own {
        let evaluation =
            work.merged(unit)?.with_context(|| format!("{} is not evaluated", work.title(unit)))?;
        let exported = work.exported(unit)?;
        summary.mismatches += evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum::<u64>();
        summary.outside += evaluation.range.images_outside;
        evaluated.push(Evaluated {
            unit,
            evaluation,
            votes: exported.origin.provenance.get("votes").cloned(),
            ensemble: exported.ensemble,
            training: work.training_time(unit)?,
        });
    }
    write_point(sweep, work, point, evaluated, invocation)
}

/// Runs one job by itself: what it reads must be there, and what is there of its outputs is not made again.
///
/// # Errors
/// If an input is missing, or the job fails.
pub fn run_job(
    work: &Work<'_>,
    units: &[Unit],
    shards: Shards,
    job: &Job,
    sweep: &Path,
    invocation: &Invocation,
) -> Result<Summary> {
    for input in &job.inputs {
        let path = sweep.join(input);
        ensure!(
            path.exists(),
            "{} needs {}, which is not there; run the job that makes it first",
            job.id,
            path.display()
        );
    }
    let unit = |index: usize| units.get(index).context("a job of no unit");
    let mut summary = Summary::default();
    let quiet: Report<'_> = &|_| {};
    match job.subject {
        Subject::Member(index, member) => {
            let unit = unit(index)?;
            let part = work.part(unit, member)?;
            let float = work.float(unit, member, &part, quiet)?;
            if job.kind == super::JobKind::Member {
                work.member(unit, member, &part, &float.network, quiet)?;
            }
            summary.trained = 1;
        }
        Subject::Unit(index) => {
            work.export(unit(index)?)?;
            summary.exported = 1;
        }
        Subject::Shard(index, shard) => {
            let unit = unit(index)?;
            let range = work.range(unit, shard, shards)?;
            if !work.store.shard(&unit.evaluation, range.0, range.1).is_file() {
                let exported = work.exported(unit)?;
                let session = work.session(unit, &exported)?;
                work.evaluate(unit, &exported, &session, range)?;
            }
            summary.evaluated = 1;
        }
        Subject::Point(point) => {
            let begin = units.partition_point(|unit| unit.point < point);
            let count = units.iter().skip(begin).take_while(|unit| unit.point == point).count();
            let own = units.get(begin..begin + count).unwrap_or_default();
            merge(work, own, point, sweep, invocation, &mut summary)?;
        }
        Subject::Sweep => {
            summary.states = states_on_disk(work, sweep);
            write_records(work, sweep, &summary.states)?;
        }
    }
    Ok(summary)
}

/// Which points have their records.
fn states_on_disk(work: &Work<'_>, sweep: &Path) -> Vec<PointState> {
    let done =
        |name: &str| fs::exists(super::records::point_folder(sweep, name).join("table.csv")).unwrap_or(false);
    let points = work.study.points.iter();
    points.map(|point| if done(&point.name) { PointState::Done } else { PointState::Open }).collect()
}
