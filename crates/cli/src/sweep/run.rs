//! A whole sweep in one process, or one of its jobs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use sottovoce_evaluate::{Evaluation, RangeKind};

use super::jobs::{Job, JobKind, JobTarget};
use super::steps::{OnTrainingStep, SweepSteps};
use super::store::InputHash;
use super::sweep_records::{
    EvaluatedUnit, PointFailure, PointState, states_on_disk, write_point, write_records, write_sweep,
};
use super::units::{Unit, units_of_point};
use crate::output;
use crate::run::experiment_run::is_setting_error;
use crate::run::record::Invocation;
use crate::training_progress::TrainingProgress;

/// Time between two writes of the sweep's records while it runs.
const WRITE_INTERVAL: Duration = Duration::from_secs(5);

/// The work that was done now, and the results of the sweep.
#[derive(Debug, Clone, Default)]
pub struct SweepOutcome {
    pub states: Vec<PointState>,
    /// Members that were trained now.
    pub trained: usize,
    /// Ensembles that were exported now.
    pub exported: usize,
    /// Ensembles that were evaluated now.
    pub evaluated: usize,
    /// Decrypted logits that differ from the integer oracle's.
    pub mismatches: u64,
    /// Images with logits beyond the plaintext modulus.
    pub images_outside: usize,
}

impl SweepOutcome {
    pub fn failures(&self) -> impl Iterator<Item = &PointFailure> {
        self.states.iter().flat_map(|state| match state {
            PointState::Failed(failures) => failures.as_slice(),
            _ => &[],
        })
    }
}

/// Does all steps of `units` that are not done yet, point by point, and writes the records to `folder`. `retry` trains members
/// again that failed in an earlier run.
///
/// # Errors
/// If a file cannot be read or written. A point that fails is recorded, and the other points run.
pub fn run(
    steps: &SweepSteps<'_>,
    units: &[Unit],
    shard_count: usize,
    folder: &Path,
    retry: bool,
    invocation: &Invocation,
) -> Result<SweepOutcome> {
    let mut outcome =
        SweepOutcome { states: vec![PointState::Open; steps.sweep.points.len()], ..SweepOutcome::default() };
    write_sweep(folder, steps, &outcome.states)?;
    let mut failed = train(steps, units, retry, &mut outcome)?;
    let observed = |unit: &&Unit| {
        steps.experiment(unit).is_ok_and(|experiment| experiment.encryption.range == RangeKind::Observed)
    };
    if units.iter().any(|unit| observed(&unit)) {
        output::warn_of_range(RangeKind::Observed);
    }
    let mut written = Instant::now();
    for (index, point) in steps.sweep.points.iter().enumerate() {
        let own = units_of_point(units, index);
        let mut failures = Vec::new();
        let mut evaluated = Vec::new();
        for unit in own {
            let failure = |stage, error| PointFailure {
                point: point.name.clone(),
                seed: unit.setting.id.seed,
                stage,
                error,
            };
            if let Some(error) = failed.remove(&(index, unit.setting.id.seed)) {
                failures.push(failure("train", error));
                continue;
            }
            if !steps.is_exported(unit) {
                if let Err(error) = steps.export(unit) {
                    failures.push(failure("export", setting_error_text(error)?));
                    continue;
                }
                outcome.exported += 1;
            }
            match evaluate(steps, unit, shard_count) {
                Ok(merged) => {
                    outcome.evaluated += usize::from(merged.is_none());
                    evaluated.push((unit, merged));
                }
                Err(error) => failures.push(failure("evaluate", setting_error_text(error)?)),
            }
        }
        for failure in &failures {
            output::remark(&format!("{} seed {} failed: {}", failure.point, failure.seed, failure.error));
        }
        let state = if failures.is_empty() {
            write_merged(steps, evaluated, index, folder, invocation, &mut outcome)?;
            PointState::Done
        } else {
            PointState::Failed(failures)
        };
        if let Some(earlier) = outcome.states.get_mut(index) {
            *earlier = state;
        }
        if written.elapsed() >= WRITE_INTERVAL {
            write_records(folder, steps, &outcome.states)?;
            written = Instant::now();
        }
    }
    write_records(folder, steps, &outcome.states)?;
    Ok(outcome)
}

/// The text of an error that concerns only one setting; any other error is returned as an error.
fn setting_error_text(error: anyhow::Error) -> Result<String> {
    if is_setting_error(&error) { Ok(format!("{error:#}")) } else { Err(error) }
}

/// Members whose training begins with the same float phase, as indices of the unit and of the member in the unit.
type FloatGroup = Vec<(usize, usize)>;

/// Trains all missing members of ensembles that are not exported yet, one group of members beside the other. Returns the errors
/// of members that failed, by point and seed.
fn train(
    steps: &SweepSteps<'_>,
    units: &[Unit],
    retry: bool,
    outcome: &mut SweepOutcome,
) -> Result<HashMap<(usize, u64), String>> {
    let mut groups: BTreeMap<&InputHash, FloatGroup> = BTreeMap::new();
    let mut order: Vec<&InputHash> = Vec::new();
    let mut seen: HashSet<&InputHash> = HashSet::new();
    let mut errors: HashMap<&InputHash, String> = HashMap::new();
    for (index, unit) in units.iter().enumerate() {
        if steps.is_exported(unit) {
            continue;
        }
        for (member, hashes) in unit.members.iter().enumerate() {
            if !seen.insert(&hashes.member) || steps.store.member(&hashes.member).is_file() {
                continue;
            }
            if let Some(error) = steps.store.read_failure(&hashes.member).filter(|_| !retry) {
                errors.insert(
                    &hashes.member,
                    format!("{error} (in an earlier run; --retry-failed trains again)"),
                );
                continue;
            }
            groups
                .entry(&hashes.float)
                .or_insert_with(|| {
                    order.push(&hashes.float);
                    Vec::new()
                })
                .push((index, member));
        }
    }
    let groups: Vec<FloatGroup> = order.iter().filter_map(|hash| groups.remove(hash)).collect();
    let members: usize = groups.iter().map(Vec::len).sum();
    if members > 0 {
        let images = groups.iter().map(|group| images_of(steps, units, group)).sum::<Result<u64>>()?;
        let progress = TrainingProgress::new(members, images);
        let failures: Mutex<Vec<(InputHash, String)>> = Mutex::default();
        groups
            .par_iter()
            .with_max_len(1)
            .try_for_each(|group| train_group(steps, units, group, &|step| progress.add(&step), &failures))?;
        let failures = failures.into_inner().unwrap_or_default();
        outcome.trained = members - failures.len();
        for (hash, error) in failures {
            steps.store.write_failure(&hash, &error)?;
            if let Some(hashes) =
                units.iter().flat_map(|unit| &unit.members).find(|hashes| hashes.member == hash)
            {
                errors.insert(&hashes.member, error);
            }
        }
    }
    let mut failed = HashMap::new();
    for unit in units.iter().filter(|unit| !steps.is_exported(unit)) {
        if let Some(error) = unit.members.iter().find_map(|hashes| errors.get(&hashes.member)) {
            failed.insert((unit.point, unit.setting.id.seed), error.clone());
        }
    }
    Ok(failed)
}

/// Images that go through training steps for a group, if none of its steps is done and no member diverges.
fn images_of(steps: &SweepSteps<'_>, units: &[Unit], group: &FloatGroup) -> Result<u64> {
    let mut images = 0;
    for (position, &(index, _)) in group.iter().enumerate() {
        let unit = units.get(index).context("a group without a unit")?;
        let training = &steps.experiment(unit)?.training;
        let epochs = training.quantised_epochs + if position == 0 { training.float_epochs } else { 0 };
        images += steps.images(unit)?.training.len() * epochs / unit.members.len().max(1);
    }
    Ok(images as u64)
}

/// Trains the float phase of a group, and from its result each of the members.
fn train_group(
    steps: &SweepSteps<'_>,
    units: &[Unit],
    group: &FloatGroup,
    report: OnTrainingStep<'_>,
    failures: &Mutex<Vec<(InputHash, String)>>,
) -> Result<()> {
    let unit = |index: usize| units.get(index).context("a group without a unit");
    let &(first, member) = group.first().context("a group without members")?;
    let images = steps.member_images(unit(first)?, member)?;
    let fail = |(index, member): (usize, usize), error: String| -> Result<()> {
        let hashes = unit(index)?.members.get(member).context("there is no such member")?;
        if let Ok(mut failures) = failures.lock() {
            failures.push((hashes.member.clone(), error));
        }
        Ok(())
    };
    let float = match steps.train_float(unit(first)?, member, &images, report) {
        Ok(float) => float.network,
        Err(error) => {
            let error = setting_error_text(error)?;
            return group.iter().try_for_each(|&member| fail(member, error.clone()));
        }
    };
    group.par_iter().with_max_len(1).try_for_each(|&(index, member)| {
        match steps.train_quantised(unit(index)?, member, &images, &float, report) {
            Ok(_) => Ok(()),
            Err(error) => fail((index, member), setting_error_text(error)?),
        }
    })
}

/// Returns the merged evaluation of a unit if all of its shards exist. Otherwise evaluates the missing shards and returns `None`.
fn evaluate(steps: &SweepSteps<'_>, unit: &Unit, shard_count: usize) -> Result<Option<Evaluation>> {
    if let Ok(Some(merged)) = steps.merge_shards(unit) {
        return Ok(Some(merged));
    }
    let exported = steps.read_exported(unit)?;
    let session = steps.session(unit, &exported)?;
    for shard in 0..shard_count {
        let (first, end) = steps.shard_images(unit, shard, shard_count)?;
        if !steps.store.shard(&unit.evaluation, first, end).is_file() {
            steps.evaluate_shard(unit, &exported, &session, (first, end))?;
        }
    }
    Ok(None)
}

/// Writes the records of a point from its units and their evaluations; an evaluation that is `None` is merged from its shards.
fn write_merged(
    steps: &SweepSteps<'_>,
    units: Vec<(&Unit, Option<Evaluation>)>,
    point: usize,
    folder: &Path,
    invocation: &Invocation,
    outcome: &mut SweepOutcome,
) -> Result<()> {
    let mut evaluated = Vec::new();
    for (unit, merged) in units {
        let evaluation = match merged {
            Some(evaluation) => evaluation,
            None => steps
                .merge_shards(unit)?
                .with_context(|| format!("{} is not evaluated", steps.title(unit)))?,
        };
        let exported = steps.read_exported(unit)?;
        outcome.mismatches += evaluation.accuracy.iter().filter_map(|row| row.mismatches).sum::<u64>();
        outcome.images_outside += evaluation.range.images_outside;
        evaluated.push(EvaluatedUnit {
            unit,
            evaluation,
            votes: exported.origin.provenance.get("votes").cloned(),
            ensemble: exported.ensemble,
            training: steps.training_time(unit)?,
        });
    }
    write_point(folder, steps, point, evaluated, invocation)
}

/// Runs one job. Outputs that exist are not made again.
///
/// # Errors
/// If an input file does not exist, or the job fails.
pub fn run_job(
    steps: &SweepSteps<'_>,
    units: &[Unit],
    shard_count: usize,
    job: &Job,
    folder: &Path,
    invocation: &Invocation,
) -> Result<SweepOutcome> {
    for input in &job.inputs {
        let path = folder.join(input);
        ensure!(
            path.exists(),
            "{} needs the file {}, which does not exist; first run the job that makes it",
            job.id,
            path.display()
        );
    }
    let unit = |index: usize| units.get(index).context("a job without a unit");
    let mut outcome = SweepOutcome::default();
    let quiet: OnTrainingStep<'_> = &|_| {};
    match job.target {
        JobTarget::Member { unit: index, member } => {
            let unit = unit(index)?;
            let images = steps.member_images(unit, member)?;
            let float = steps.train_float(unit, member, &images, quiet)?;
            if job.kind == JobKind::Member {
                steps.train_quantised(unit, member, &images, &float.network, quiet)?;
            }
            outcome.trained = 1;
        }
        JobTarget::Unit { unit: index } => {
            steps.export(unit(index)?)?;
            outcome.exported = 1;
        }
        JobTarget::Shard { unit: index, shard } => {
            let unit = unit(index)?;
            let range = steps.shard_images(unit, shard, shard_count)?;
            if !steps.store.shard(&unit.evaluation, range.0, range.1).is_file() {
                let exported = steps.read_exported(unit)?;
                let session = steps.session(unit, &exported)?;
                steps.evaluate_shard(unit, &exported, &session, range)?;
            }
            outcome.evaluated = 1;
        }
        JobTarget::Point { point } => {
            let own = units_of_point(units, point).iter().map(|unit| (unit, None)).collect();
            write_merged(steps, own, point, folder, invocation, &mut outcome)?;
        }
        JobTarget::Sweep => {
            outcome.states = states_on_disk(folder, steps.sweep);
            write_records(folder, steps, &outcome.states)?;
        }
    }
    Ok(outcome)
}
