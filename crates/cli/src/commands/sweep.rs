//! `sweep`: an experiment at every point of its axes.

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
use sottovoce_report::table::Table;

use super::EXIT_MISMATCH;
use crate::args::{Common, ListFormat, SweepOptions};
use crate::config::{ConfigError, Configuration, Study};
use crate::interrupt;
use crate::output::{self, counted, to_value};
use crate::run_folder::{self, Kind, RunFolder, check_claim};
use crate::run_record::{Invocation, State, check_dataset};
use crate::stages::Results;
use crate::sweep::{
    DataSets, Graph, Job, JobKind, PointState, Store, Summary, Work, run as sweep_run, run_job, units,
};

pub fn run(options: &SweepOptions, common: &Common) -> Result<ExitCode> {
    let configuration = Configuration::load(&options.config, &options.options.set)?;
    let study = Study::of(&configuration).map_err(ConfigError::from)?;
    let evaluator = options.options.evaluator.evaluator();
    let mut data_sets = DataSets::default();
    let units = units(&configuration, &study, evaluator, &mut data_sets, common)?;
    let folder = folder(options, &study, &data_sets)?;
    let store = Store::new(&folder);
    let work = Work { study: &study, data_sets: &data_sets, store: &store, evaluator };
    let shards = usize::from(options.shards);
    if options.list || options.dry_run {
        let graph = Graph::of(&work, &units, shards)?;
        return match options.format {
            ListFormat::Json => list_json(&study, &folder, &graph, options),
            ListFormat::Text => list_text(&study, &folder, &graph, common),
        };
    }
    check_claim(&folder, Kind::Sweep, &study.name, options.options.replace)?;
    if let Some(id) = &options.job {
        let graph = Graph::of(&work, &units, shards)?;
        let job = graph.find(id).with_context(|| {
            format!("there is no job {id} in this sweep; `--list` shows all, with the same configuration, --set and --shards")
        })?;
        return one_job(&work, &units, shards, job, &folder);
    }

    let invocation = Invocation::begin("sweep", &study.name);
    let locked = RunFolder::create(&folder)?;
    let first = study.points.first().context("a sweep has a point")?;
    let data = data_sets.of(&first.experiment)?.data.clone();
    check_dataset(&locked, &data, options.options.replace)?;
    write_config(&study, &folder)?;
    interrupt::announce(&folder);
    invocation.record(&locked, &data, &Results::default(), State::Running)?;
    output::remark(&format!(
        "{}: {}, {} with {}, to {}",
        study.name,
        data.name,
        counted(study.points.len(), "point", "points"),
        counted(study.base.ensemble.seeds.len(), "seed", "seeds"),
        folder.display()
    ));
    let summary = sweep_run(&work, &units, shards, &folder, options.retry_failed, &invocation)?;
    let worked = summary.trained + summary.exported + summary.evaluated > 0;
    let state = if worked { State::Finished } else { State::Idle };
    invocation.record(&locked, &data, &Results::default(), state)?;
    let done = summary.states.contains(&PointState::Done);
    let files = if done { sottovoce_report::write_report(&folder)? } else { Vec::new() };
    finish(&study, &folder, &summary, &files, common)
}

/// Folder of a sweep; synthetic digits in place of another data set get a folder of their own.
fn folder(options: &SweepOptions, study: &Study, data_sets: &DataSets) -> Result<PathBuf> {
    let first = &study.points.first().context("a sweep has a point")?.experiment;
    let data = &data_sets.of(first)?.data;
    let stands_in = data.is_synthetic() && first.data.name != data.name;
    let name = if stands_in { format!("{}-synthetic", study.name) } else { study.name.clone() };
    Ok(options.options.out.clone().unwrap_or_else(|| Path::new("results").join(name)))
}

fn write_config(study: &Study, folder: &Path) -> Result<()> {
    let toml = study.to_toml().context("cannot write the configuration as TOML")?;
    run_folder::write(&folder.join("config.toml"), toml.as_bytes())
}

/// Prints a sweep's result.
fn finish(
    study: &Study,
    folder: &Path,
    summary: &Summary,
    files: &[PathBuf],
    common: &Common,
) -> Result<ExitCode> {
    let failures = summary.failures().count();
    if common.json {
        output::json(&json!({
            "sweep": folder,
            "points": study.points.len(),
            "trained_members": summary.trained,
            "exported": summary.exported,
            "evaluated": summary.evaluated,
            "mismatches": summary.mismatches,
            "images_outside": summary.outside,
            "failures": summary.failures().map(to_value).collect::<Vec<Value>>(),
            "files": files,
        }));
    } else {
        output::result(&format!(
            "{}: {} trained, {} exported, {} evaluated now; the rest was there\n{}",
            counted(study.points.len(), "point", "points"),
            counted(summary.trained, "member", "members"),
            counted(summary.exported, "ensemble", "ensembles"),
            counted(summary.evaluated, "ensemble", "ensembles"),
            folder.join("table.csv").display()
        ));
        files.iter().for_each(|file| output::result(&file.display().to_string()));
    }
    if summary.mismatches > 0 || summary.outside > 0 {
        output::remark(&format!(
            "NOT EXACT: {} decrypted logits differ from the integer oracle; {} images have logits beyond the plaintext modulus (raise \
             `encryption.range_margin`)",
            summary.mismatches, summary.outside
        ));
        return Ok(ExitCode::from(EXIT_MISMATCH));
    }
    if failures > 0 {
        output::remark(&format!(
            "{} failed: {} says why",
            counted(failures, "point and seed", "points and seeds"),
            folder.join("failures.csv").display()
        ));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs one job, and leaves its log.
fn one_job(
    work: &Work<'_>,
    units: &[crate::sweep::Unit],
    shards: usize,
    job: &Job,
    folder: &Path,
) -> Result<ExitCode> {
    let invocation = Invocation::begin("sweep", &work.study.name);
    let (started, clock) = (Timestamp::now(), Instant::now());
    interrupt::announce(folder);
    let outcome = run_job(work, units, shards, job, folder, &invocation);
    let outcome = match (job.kind, outcome) {
        (JobKind::Report, Ok(summary)) => report(work, folder, &invocation).map(|()| summary),
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
    let summary = outcome?;
    output::remark(log.trim_end());
    Ok(if summary.mismatches > 0 || summary.outside > 0 {
        ExitCode::from(EXIT_MISMATCH)
    } else {
        ExitCode::SUCCESS
    })
}

fn append(path: &Path, line: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::OpenOptions::new().create(true).append(true).open(path)?.write_all(line.as_bytes())
}

/// The last job: what only all points together have.
fn report(work: &Work<'_>, folder: &Path, invocation: &Invocation) -> Result<()> {
    let first = work.study.points.first().context("a sweep has a point")?;
    let data = work.data_sets.of(&first.experiment)?.data.clone();
    let locked = RunFolder::create(folder)?;
    write_config(work.study, folder)?;
    invocation.record(&locked, &data, &Results::default(), State::Finished)?;
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

fn list_json(study: &Study, folder: &Path, graph: &Graph, options: &SweepOptions) -> Result<ExitCode> {
    let mut arguments = vec!["sweep".to_owned(), options.config.clone()];
    arguments.extend(options.options.set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
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
    let list = List { name: &study.name, folder, jobs };
    let mut text = serde_json::to_string(&list).context("cannot encode the jobs as JSON")?;
    text.push('\n');
    output::result(&text);
    Ok(ExitCode::SUCCESS)
}

fn list_text(study: &Study, folder: &Path, graph: &Graph, common: &Common) -> Result<ExitCode> {
    let mut rows = Vec::new();
    let mut records = Vec::new();
    let (mut seconds_left, mut memory, mut disk) = (0.0, 0, 0);
    for kind in JobKind::ALL {
        let jobs: Vec<&Job> = graph.jobs.iter().filter(|job| job.kind == kind).collect();
        let is_done = |job: &&&Job| job.outputs.iter().all(|output| folder.join(output).exists());
        // Records are joined again whatever is there.
        let done = jobs.iter().filter(is_done).count();
        let left: f64 = jobs.iter().filter(|job| !is_done(job)).map(|job| job.cpu_seconds).sum();
        let most = jobs.iter().map(|job| job.memory_bytes).max().unwrap_or(0);
        let bytes: u64 = jobs.iter().map(|job| job.disk_bytes).sum();
        seconds_left += left;
        memory = memory.max(most);
        disk += bytes;
        rows.push(vec![
            kind.to_string(),
            jobs.len().to_string(),
            done.to_string(),
            format!("{left:.0}"),
            HumanBytes(most).to_string(),
            HumanBytes(bytes).to_string(),
        ]);
        records.push(json!({
            "kind": kind, "jobs": jobs.len(), "done": done, "cpu_seconds_left": left, "memory_bytes": most, "disk_bytes": bytes,
        }));
    }
    let threads = rayon::current_num_threads();
    if common.json {
        output::json(&json!({
            "name": study.name, "folder": folder, "points": study.points.len(), "seeds": study.base.ensemble.seeds,
            "axes": study.axes().map(|axis| json!({ "path": axis.path, "values": axis.texts() })).collect::<Vec<_>>(),
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
        study.name,
        counted(study.points.len(), "point", "points"),
        folder.display()
    ));
    for axis in study.axes() {
        output::result(&format!("  {} = {}", axis.path, names(axis.texts())));
    }
    let seeds = study.base.ensemble.seeds.iter().map(u64::to_string).collect();
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
