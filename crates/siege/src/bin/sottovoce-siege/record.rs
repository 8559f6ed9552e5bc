//! The results of a siege, and the invariants that must hold.

use std::collections::BTreeMap;
use std::time::SystemTime;

use serde::Serialize;
use sottovoce_siege::AttackReport;

use crate::honest::{Classification, Outcome};
use crate::hostile;
use crate::samples::{Sample, Usage};
use crate::schedule::{Phase, Schedule};

/// Growth of memory, descriptors and threads from the second siege to the last one that counts as growth without bound.
const MAX_GROWTH: f64 = 1.5;

/// Growth that is always allowed: descriptors or threads, and megabytes.
const ALLOWED_NUMBER: f64 = 30.0;
const ALLOWED_MEGABYTES: f64 = 150.0;

/// Seconds from a revocation to the end of a siege from which on a connection that is still open is a failure.
const REVOCATION_GRACE: f64 = 20.0;

/// Lines of the log that are shown for a failure.
const SHOWN_LINES: usize = 5;

/// Everything that was measured.
#[derive(Debug, Serialize)]
pub struct Record {
    pub processors: usize,
    pub seconds: f64,
    pub latency: Latency,
    pub answers: Answers,
    pub growth: Growth,
    pub sieges: Vec<Siege>,
    pub attacks: BTreeMap<String, AttackReport>,
    /// Requests of honest clients for what belongs to others.
    pub probes: AttackReport,
    /// Lines of the provider's log, by level.
    pub log_lines: BTreeMap<String, u64>,
    /// Invariants that do not hold. Empty if all is well.
    pub failures: Vec<String>,
    /// Figures beyond their targets. They depend on the machine, and fail nothing.
    pub beyond_target: Vec<String>,
    pub classifications: Vec<Classification>,
    pub samples: Vec<Sample>,
}

/// Seconds of honest clients' classifications.
#[derive(Debug, Serialize)]
pub struct Latency {
    pub quiet: Option<Quantiles>,
    pub siege: Option<Quantiles>,
    /// Around restarts, in both kinds of periods.
    pub restart: Option<Quantiles>,
    /// Right answers in a minute, of all clients together, by the kind of period in which they were asked for. What delays
    /// clients beyond a restart or a period shows here.
    pub quiet_per_minute: f64,
    pub siege_per_minute: f64,
    /// Ratios of siege to quiet.
    pub median_ratio: Option<f64>,
    pub p95_ratio: Option<f64>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantiles {
    pub count: usize,
    pub median: f64,
    pub p95: f64,
    pub max: f64,
}

/// Numbers of answers.
#[derive(Debug, Default, Serialize)]
pub struct Answers {
    pub right: usize,
    pub wrong: usize,
    pub lost: usize,
}

/// The provider's resources: medians of quiet periods, sieges, and the time after them.
#[derive(Debug, Serialize)]
pub struct Growth {
    pub quiet: Option<Resources>,
    pub second_siege: Option<Resources>,
    pub last_siege: Option<Resources>,
    pub after: Option<Resources>,
    pub largest: Option<Resources>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Resources {
    pub memory_megabytes: f64,
    pub descriptors: f64,
    pub threads: f64,
    pub state_megabytes: f64,
    pub log_megabytes: f64,
}

/// One siege.
#[derive(Debug, Serialize)]
pub struct Siege {
    pub attacks: Vec<AttackReport>,
    pub hostile_cpu_seconds: f64,
    /// Seconds from a client's revocation until each of its connections was closed.
    pub closed_after: Vec<f64>,
    /// Its connections that ended before.
    pub closed_before: usize,
    /// Its connections that were open at the end, and the seconds from the revocation to the end.
    pub open_at_end: usize,
    pub seconds_after_revocation: f64,
}

impl Siege {
    pub fn new(outcome: hostile::Outcome, revoked: SystemTime) -> Self {
        let closings = outcome.held.iter().filter_map(|connection| connection.closed);
        let delays = closings.map(|closed| closed.duration_since(revoked).map(|delay| delay.as_secs_f64()));
        let (mut closed_after, mut closed_before) = (Vec::new(), 0);
        for delay in delays {
            match delay {
                Ok(delay) => closed_after.push(delay),
                Err(_) => closed_before += 1,
            }
        }
        Self {
            closed_after,
            closed_before,
            open_at_end: outcome.held.iter().filter(|connection| connection.closed.is_none()).count(),
            seconds_after_revocation: revoked.elapsed().map_or(0.0, |elapsed| elapsed.as_secs_f64()),
            hostile_cpu_seconds: outcome.cpu_seconds,
            attacks: outcome.attacks,
        }
    }
}

impl Record {
    /// Computes the record from everything that was seen. `ended` is the reason for which the provider has ended, if it has.
    pub fn new(
        schedule: &Schedule,
        classifications: Vec<Classification>,
        probes: AttackReport,
        samples: Vec<Sample>,
        sieges: Vec<Siege>,
        log: &str,
        ended: Option<String>,
    ) -> Self {
        let mut attacks = BTreeMap::<String, AttackReport>::new();
        for report in sieges.iter().flat_map(|siege| &siege.attacks) {
            let empty = || AttackReport { attack: report.attack.clone(), ..AttackReport::default() };
            attacks.entry(report.attack.clone()).or_insert_with(empty).add(report);
        }
        let mut record = Self {
            processors: std::thread::available_parallelism().map_or(0, usize::from),
            seconds: schedule.periods.iter().map(|period| period.duration.as_secs_f64()).sum(),
            latency: Latency::of(schedule, &classifications),
            answers: Answers::of(&classifications),
            growth: Growth::of(schedule, &samples),
            sieges,
            attacks,
            probes,
            log_lines: log_lines(log),
            failures: Vec::new(),
            beyond_target: Vec::new(),
            classifications,
            samples,
        };
        record.failures = record.find_failures(log, ended);
        record.beyond_target = record.find_beyond_target();
        record
    }

    fn find_failures(&self, log: &str, ended: Option<String>) -> Vec<String> {
        let mut failures = Vec::new();
        failures.extend(ended.map(|status| format!("the provider has ended by itself: {status}")));
        for Classification { client, start, outcome, .. } in &self.classifications {
            match outcome {
                Outcome::Right => {}
                Outcome::Wrong(reason) => {
                    failures.push(format!("a wrong answer for client {client} at {start:.0} s: {reason}"));
                }
                Outcome::Lost(reason) => {
                    failures.push(format!("no answer for client {client} at {start:.0} s: {reason}"));
                }
            }
        }
        if self.answers.right == 0 {
            failures.push("no classification was right".to_owned());
        }
        let reports = self.attacks.values().chain([&self.probes]);
        for report in reports {
            failures.extend(report.breaches.iter().map(|breach| format!("{}: {breach}", report.attack)));
        }
        let panics: Vec<&str> = log.lines().filter(|line| line.contains("panicked")).collect();
        if !panics.is_empty() {
            let shown = panics.iter().take(SHOWN_LINES).copied().collect::<Vec<_>>().join(" | ");
            failures.push(format!("{} panics in the provider: {shown}", panics.len()));
        }
        for (number, siege) in self.sieges.iter().enumerate() {
            if siege.open_at_end > 0 && siege.seconds_after_revocation > REVOCATION_GRACE {
                failures.push(format!(
                    "siege {}: {} connections of a revoked client were open {:.0} s after its revocation",
                    number + 1,
                    siege.open_at_end,
                    siege.seconds_after_revocation
                ));
            }
        }
        failures.extend(self.growth.failures());
        failures
    }

    /// Figures beyond the targets of the project.
    fn find_beyond_target(&self) -> Vec<String> {
        let mut beyond = Vec::new();
        if let Some(ratio) = self.latency.median_ratio.filter(|&ratio| ratio > 2.0) {
            beyond.push(format!("median latency is {ratio:.2} times that of quiet periods, target 2"));
        }
        let delays = self.sieges.iter().flat_map(|siege| &siege.closed_after);
        if let Some(slowest) = delays.copied().max_by(f64::total_cmp).filter(|&slowest| slowest > 10.0) {
            beyond.push(format!("a revoked client's connection was closed after {slowest:.1} s, target 10"));
        }
        if let (Some(second), Some(last)) = (&self.growth.second_siege, &self.growth.last_siege) {
            let figures = [
                ("memory", second.memory_megabytes, last.memory_megabytes),
                ("descriptors", second.descriptors, last.descriptors),
                ("threads", second.threads, last.threads),
            ];
            for (name, before, after) in figures {
                if after > before * 1.05 {
                    let percent = 100.0 * (after / before - 1.0);
                    beyond.push(format!(
                        "{name} grew by {percent:.0} % from the second siege to the last, target 5 %"
                    ));
                }
            }
        }
        beyond
    }
}

impl Latency {
    fn of(schedule: &Schedule, classifications: &[Classification]) -> Self {
        let seconds = |select: &dyn Fn(&Classification) -> bool| {
            let answered = classifications.iter().filter(|found| found.outcome == Outcome::Right);
            Quantiles::of(answered.filter(|found| select(found)).map(|found| found.seconds).collect())
        };
        let quiet = seconds(&|found| found.phase == Some(Phase::Quiet) && !found.restart);
        let siege = seconds(&|found| found.phase == Some(Phase::Siege) && !found.restart);
        let restart = seconds(&|found| found.restart);
        let ratio = |figure: fn(&Quantiles) -> f64| Some(figure(&siege?) / figure(&quiet?));
        let (median_ratio, p95_ratio) = (ratio(|found| found.median), ratio(|found| found.p95));
        let per_minute = |phase| {
            let periods = schedule.periods.iter().filter(|period| period.phase == phase);
            let minutes: f64 = periods.map(|period| period.duration.as_secs_f64() / 60.0).sum();
            let right = classifications.iter().filter(|found| found.outcome == Outcome::Right);
            right.filter(|found| found.phase == Some(phase)).count() as f64 / minutes
        };
        Self {
            quiet,
            siege,
            restart,
            quiet_per_minute: per_minute(Phase::Quiet),
            siege_per_minute: per_minute(Phase::Siege),
            median_ratio,
            p95_ratio,
        }
    }
}

impl Quantiles {
    /// Returns quantiles by the nearest rank, or `None` of nothing.
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let rank = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            values.get(rank.saturating_sub(1)).copied()
        };
        Some(Self { count: values.len(), median: rank(0.5)?, p95: rank(0.95)?, max: rank(1.0)? })
    }
}

impl Answers {
    fn of(classifications: &[Classification]) -> Self {
        let mut answers = Self::default();
        for classification in classifications {
            match classification.outcome {
                Outcome::Right => answers.right += 1,
                Outcome::Wrong(_) => answers.wrong += 1,
                Outcome::Lost(_) => answers.lost += 1,
            }
        }
        answers
    }
}

impl Growth {
    fn of(schedule: &Schedule, samples: &[Sample]) -> Self {
        let sieges: Vec<usize> = schedule
            .periods
            .iter()
            .enumerate()
            .filter(|(_, period)| period.phase == Phase::Siege)
            .map(|(index, _)| index)
            .collect();
        // The process that was started in the first siege lives until the comparison in the last one has ended.
        let in_siege = |index: Option<&usize>| {
            let index = *index?;
            let (from, to) = schedule.periods.get(index)?.compared;
            let range = from.as_secs_f64()..to.as_secs_f64();
            let inside =
                |sample: &&Sample| sample.period == Some(index) && range.contains(&sample.seconds_in_period);
            Resources::median(samples.iter().filter(inside))
        };
        let last = samples.last();
        Self {
            quiet: Resources::median(samples.iter().filter(|sample| sample.phase == Some(Phase::Quiet))),
            second_siege: in_siege(sieges.get(1)),
            last_siege: in_siege(sieges.last()),
            after: last.map(|sample| Resources::of(&sample.usage)),
            largest: Resources::largest(samples.iter()),
        }
    }

    fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        if let (Some(second), Some(last)) = (&self.second_siege, &self.last_siege) {
            let figures = [
                ("descriptors", second.descriptors, last.descriptors, ALLOWED_NUMBER),
                ("threads", second.threads, last.threads, ALLOWED_NUMBER),
                ("megabytes of memory", second.memory_megabytes, last.memory_megabytes, ALLOWED_MEGABYTES),
            ];
            for (name, before, after, allowed) in figures {
                if after > before * MAX_GROWTH + allowed {
                    failures.push(format!(
                        "{name} grow: {before:.0} in the second siege, {after:.0} in the last"
                    ));
                }
            }
        }
        if let (Some(quiet), Some(after)) = (&self.quiet, &self.after) {
            for (name, before, now) in [
                ("descriptors", quiet.descriptors, after.descriptors),
                ("threads", quiet.threads, after.threads),
            ] {
                if now > before + ALLOWED_NUMBER {
                    failures.push(format!(
                        "{name} remain after the sieges: {now:.0}, but {before:.0} in quiet periods"
                    ));
                }
            }
        }
        failures
    }
}

impl Resources {
    fn of(usage: &Usage) -> Self {
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        Self {
            memory_megabytes: megabytes(usage.memory_bytes),
            descriptors: usage.descriptors as f64,
            threads: usage.threads as f64,
            state_megabytes: megabytes(usage.state_bytes),
            log_megabytes: megabytes(usage.log_bytes),
        }
    }

    fn median<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Self> {
        let all: Vec<Self> = samples.map(|sample| Self::of(&sample.usage)).collect();
        Self::each(&all, |quantiles| quantiles.median)
    }

    fn largest<'a>(samples: impl Iterator<Item = &'a Sample>) -> Option<Self> {
        let all: Vec<Self> = samples.map(|sample| Self::of(&sample.usage)).collect();
        Self::each(&all, |quantiles| quantiles.max)
    }

    /// One quantile of each figure by itself.
    fn each(all: &[Self], choose: fn(&Quantiles) -> f64) -> Option<Self> {
        let of = |figure: fn(&Self) -> f64| Some(choose(&Quantiles::of(all.iter().map(figure).collect())?));
        Some(Self {
            memory_megabytes: of(|found| found.memory_megabytes)?,
            descriptors: of(|found| found.descriptors)?,
            threads: of(|found| found.threads)?,
            state_megabytes: of(|found| found.state_megabytes)?,
            log_megabytes: of(|found| found.log_megabytes)?,
        })
    }
}

/// Counts the lines of a log by level.
fn log_lines(log: &str) -> BTreeMap<String, u64> {
    let mut lines = BTreeMap::new();
    for line in log.lines() {
        let level = line.split_whitespace().nth(1).unwrap_or_default();
        let level = if ["INFO", "WARN", "ERROR", "DEBUG"].contains(&level) { level } else { "other" };
        *lines.entry(level.to_owned()).or_default() += 1;
    }
    lines
}
