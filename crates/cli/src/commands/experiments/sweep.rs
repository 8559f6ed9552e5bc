//! `sweep`: an experiment at every point of a sweep's axes.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use sottovoce_table::Table;

use super::exactness::{EXIT_MISMATCH, Exactness};
use crate::args::experiments::data_options::SharedOptions;
use crate::args::experiments::experiment::{ListFormat, SweepOptions};
use crate::config::configuration::Configuration;
use crate::config::sweep::SweepConfig;
use crate::config_error::ConfigError;
use crate::files;
use crate::output::{self, counted, to_value};
use crate::run::folder::{RecordKind, RunFolder, check_experiment, explain_interrupt};
use crate::run::record::{Invocation, InvocationState, check_dataset};
use crate::run::results::Results;
use crate::sweep::jobs::{Job, JobGraph, JobKind};
use crate::sweep::run::{SweepOutcome, run as run_sweep, run_job};
use crate::sweep::steps::SweepSteps;
use crate::sweep::store::Store;
use crate::sweep::sweep_records::PointState;
use crate::sweep::units::{DataSets, Unit, units};

pub fn run(options: &SweepOptions, shared: &SharedOptions<'_>) -> Result<ExitCode> {
    let configuration = Configuration::load(&options.config, &options.run.set)?;
    let sweep = SweepConfig::of(&configuration).map_err(ConfigError::from)?;
    let evaluator = options.run.evaluator.evaluator();
    let mut data_sets = DataSets::default();
    let units = units(&configuration, &sweep, evaluator, &mut data_sets, shared)?;
    let folder = folder(options, &sweep, &data_sets)?;
    let store = Store::new(&folder);
    let steps = SweepSteps { sweep: &sweep, data_sets: &data_sets, store: &store, evaluator };
    let shard_count = usize::from(options.shards);
    if options.list || options.dry_run {
        let graph = JobGraph::of(&steps, &units, shard_count)?;
        return match options.format {
            ListFormat::Json => list_json(&sweep, &folder, &graph, options),
            ListFormat::Text => list_text(&sweep, &folder, &graph, shared),
        };
    }
    check_experiment(&folder, RecordKind::Sweep, &sweep.name, options.run.replace)?;
    if let Some(id) = &options.job {
        let graph = JobGraph::of(&steps, &units, shard_count)?;
        let job = graph.find(id).with_context(|| {
            format!("this sweep has no job {id}; `--list` with the same configuration, --set and --shards lists all jobs")
        })?;
        return one_job(&steps, &units, shard_count, job, &folder);
    }

    let invocation = Invocation::begin("sweep", &sweep.name);
    let locked = RunFolder::create(&folder)?;
    let first = sweep.points.first().context("a sweep has a point")?;
    let data = data_sets.of(&first.experiment)?.data.clone();
    check_dataset(&locked, &data, options.run.replace)?;
    write_config(&sweep, &folder)?;
    explain_interrupt(&folder);
    invocation.record(&locked, &data, &Results::default(), InvocationState::Running)?;
    output::remark(&format!(
        "{}: {}, {} with {}, to {}",
        sweep.name,
        data.name,
        counted(sweep.points.len(), "point", "points"),
        counted(sweep.base.ensemble.seeds.len(), "seed", "seeds"),
        folder.display()
    ));
    let outcome = run_sweep(&steps, &units, shard_count, &folder, options.retry_failed, &invocation)?;
    let worked = outcome.trained + outcome.exported + outcome.evaluated > 0;
    let state = if worked { InvocationState::Finished } else { InvocationState::Idle };
    invocation.record(&locked, &data, &Results::default(), state)?;
    let done = outcome.states.contains(&PointState::Done);
    let files = if done { sottovoce_report::write_report(&folder)? } else { Vec::new() };
    finish(&sweep, &folder, &outcome, &files, shared)
}

/// The folder of a sweep. Sweeps on synthetic digits that replace a missing data set have a folder of their own.
fn folder(options: &SweepOptions, sweep: &SweepConfig, data_sets: &DataSets) -> Result<PathBuf> {
    let first = &sweep.points.first().context("a sweep has a point")?.experiment;
    let data = &data_sets.of(first)?.data;
    let is_substitute = data.is_synthetic() && first.data.name != data.name;
    let name = if is_substitute { format!("{}-synthetic", sweep.name) } else { sweep.name.clone() };
    Ok(options.run.out.clone().unwrap_or_else(|| Path::new("results").join(name)))
}

fn write_config(sweep: &SweepConfig, folder: &Path) -> Result<()> {
    let toml = sweep.to_toml().context("cannot write the configuration as TOML")?;
    files::write(&folder.join("config.toml"), toml.as_bytes())
}

/// Prints a sweep's result.
fn finish(
    sweep: &SweepConfig,
    folder: &Path,
    outcome: &SweepOutcome,
    files: &[PathBuf],
    shared: &SharedOptions<'_>,
) -> Result<ExitCode> {
    let failures = outcome.failures().count();
    if shared.json {
        output::json(&json!({
            "sweep": folder,
            "points": sweep.points.len(),
            "trained_members": outcome.trained,
            "exported": outcome.exported,
            "evaluated": outcome.evaluated,
            "mismatches": outcome.mismatches,
            "images_outside": outcome.images_outside,
            "failures": outcome.failures().map(to_value).collect::<Vec<Value>>(),
            "files": files,
        }));
    } else {
        output::result(&format!(
            "{}: {} trained, {} exported, {} evaluated now; everything else was done before\n{}",
            counted(sweep.points.len(), "point", "points"),
            counted(outcome.trained, "member", "members"),
            counted(outcome.exported, "ensemble", "ensembles"),
            counted(outcome.evaluated, "ensemble", "ensembles"),
            folder.join("table.csv").display()
        ));
        files.iter().for_each(|file| output::result(&file.display().to_string()));
    }
    let exactness = exactness(outcome);
    exactness.warn(&sweep.name, "raise `encryption.range_margin`");
    if !exactness.is_exact() {
        return Ok(ExitCode::from(EXIT_MISMATCH));
    }
    if failures > 0 {
        output::remark(&format!(
            "{} failed; {} has the errors",
            counted(failures, "point and seed", "points and seeds"),
            folder.join("failures.csv").display()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

fn exactness(outcome: &SweepOutcome) -> Exactness {
    Exactness { mismatches: outcome.mismatches, images_outside: outcome.images_outside }
}

/// Runs one job and appends to its log.
fn one_job(
    steps: &SweepSteps<'_>,
    units: &[Unit],
    shard_count: usize,
    job: &Job,
    folder: &Path,
) -> Result<ExitCode> {
    let invocation = Invocation::begin("sweep", &steps.sweep.name);
    let (started, clock) = (Timestamp::now(), Instant::now());
    explain_interrupt(folder);
    let outcome = run_job(steps, units, shard_count, job, folder, &invocation);
    let outcome = match (job.kind, outcome) {
        (JobKind::Report, Ok(outcome)) => report(steps, folder, &invocation).map(|()| outcome),
        (_, outcome) => outcome,
    };
    let ending = match &outcome {
        Ok(_) => "done".to_owned(),
        Err(error) => format!("failed: {error:#}"),
    };
    let log = format!(
        "{started} {} on {} threads, {:.3} s: {ending}\n",
        job.id,
        rayon::current_num_threads(),
        clock.elapsed().as_secs_f64()
    );
    let path = folder.join(&job.log);
    append(&path, &log).with_context(|| format!("cannot write {}", path.display()))?;
    let outcome = outcome?;
    output::remark(log.trim_end());
    Ok(if exactness(&outcome).is_exact() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_MISMATCH) })
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

/// The last job: writes `run.json` and the report of all points.
fn report(steps: &SweepSteps<'_>, folder: &Path, invocation: &Invocation) -> Result<()> {
    let first = steps.sweep.points.first().context("a sweep has a point")?;
    let data = steps.data_sets.of(&first.experiment)?.data.clone();
    let locked = RunFolder::create(folder)?;
    write_config(steps.sweep, folder)?;
    invocation.record(&locked, &data, &Results::default(), InvocationState::Finished)?;
    sottovoce_report::write_report(folder)?;
    Ok(())
}

/// A job with the arguments that run it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    job: &'a Job,
    command: Vec<String>,
}

fn list_json(
    sweep: &SweepConfig,
    folder: &Path,
    graph: &JobGraph,
    options: &SweepOptions,
) -> Result<ExitCode> {
    let mut arguments = vec!["sweep".to_owned(), options.config.clone()];
    arguments.extend(options.run.set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    if options.shards != 1 {
        arguments.extend(["--shards".to_owned(), options.shards.to_string()]);
    }
    arguments.push("--job".to_owned());
    let command = |job: &Job| {
        let mut command = arguments.clone();
        command.push(job.id.clone());
        command
    };
    #[derive(Serialize)]
    struct List<'a, J: Serialize> {
        name: &'a str,
        folder: &'a Path,
        jobs: Vec<J>,
    }
    let jobs = graph.jobs.iter().map(|job| Listed { job, command: command(job) }).collect();
    let list = List { name: &sweep.name, folder, jobs };
    let mut text = serde_json::to_string(&list).context("cannot encode the jobs as JSON")?;
    text.push('\n');
    output::result(&text);
    Ok(ExitCode::SUCCESS)
}

fn list_text(
    sweep: &SweepConfig,
    folder: &Path,
    graph: &JobGraph,
    shared: &SharedOptions<'_>,
) -> Result<ExitCode> {
    let mut rows = Vec::new();
    let mut records = Vec::new();
    let (mut seconds_left, mut memory, mut disk) = (0.0, 0, 0);
    for kind in JobKind::ALL {
        let jobs: Vec<&Job> = graph.jobs.iter().filter(|job| job.kind == kind).collect();
        let is_done = |job: &&&Job| job.outputs.iter().all(|output| folder.join(output).exists());
        let done = jobs.iter().filter(is_done).count();
        let left: f64 = jobs.iter().filter(|job| !is_done(job)).map(|job| job.cpu_seconds).sum();
        let peak = jobs.iter().map(|job| job.memory_bytes).max().unwrap_or(0);
        let bytes: u64 = jobs.iter().map(|job| job.disk_bytes).sum();
        seconds_left += left;
        memory = memory.max(peak);
        disk += bytes;
        rows.push(vec![
            kind.to_string(),
            jobs.len().to_string(),
            done.to_string(),
            format!("{left:.0}"),
            HumanBytes(peak).to_string(),
            HumanBytes(bytes).to_string(),
        ]);
        records.push(json!({
            "kind": kind, "jobs": jobs.len(), "done": done, "cpu_seconds_left": left, "memory_bytes": peak, "disk_bytes": bytes,
        }));
    }
    let threads = rayon::current_num_threads();
    if shared.json {
        output::json(&json!({
            "name": sweep.name, "folder": folder, "points": sweep.points.len(), "seeds": sweep.base.ensemble.seeds,
            "axes": sweep.axes().map(|axis| json!({ "path": axis.path, "values": axis.value_texts() })).collect::<Vec<_>>(),
            "jobs": records, "cpu_seconds_left": seconds_left, "memory_bytes": memory, "disk_bytes": disk,
        }));
        return Ok(ExitCode::SUCCESS);
    }
    let names = |values: Vec<String>| match values.as_slice() {
        [first, second, .., last] if values.len() > 8 => {
            format!("{first}, {second}, ... {last} ({} values)", values.len())
        }
        _ => values.join(", "),
    };
    output::result(&format!(
        "{}: {} in {}",
        sweep.name,
        counted(sweep.points.len(), "point", "points"),
        folder.display()
    ));
    for axis in sweep.axes() {
        output::result(&format!("  {} = {}", axis.path, names(axis.value_texts())));
    }
    let seeds = sweep.base.ensemble.seeds.iter().map(u64::to_string).collect();
    output::result(&format!("  seeds {}", names(seeds)));
    let header = ["job", "jobs", "done", "CPU-seconds left", "memory", "disk"];
    let table = Table {
        title: "Jobs by kind".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows,
        notes: vec!["Seconds, memory and disk are estimates for a current server core.".to_owned()],
    };
    output::result(&format!("\n{}", table.to_text()));
    let time = Duration::try_from_secs_f64(seconds_left / threads as f64).unwrap_or_default();
    output::result(&format!(
        "\n{} jobs, {} CPU-seconds left: about {} on {}",
        HumanCount(graph.jobs.len() as u64),
        HumanCount(seconds_left as u64),
        HumanDuration(time),
        counted(threads, "thread", "threads")
    ));
    Ok(ExitCode::SUCCESS)
}
