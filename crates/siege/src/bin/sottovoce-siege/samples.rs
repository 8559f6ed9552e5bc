//! Memory, descriptors, threads and disk of a process, from Linux's /proc.

use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::schedule::Phase;

/// Ticks of a processor's time per second, on every Linux machine.
const TICKS_PER_SECOND: f64 = 100.0;

/// State of the provider at one time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Sample {
    /// Seconds since the start.
    pub seconds: f64,
    /// Index of the period; none after the last one.
    pub period: Option<usize>,
    pub phase: Option<Phase>,
    /// Seconds since the period began.
    pub seconds_in_period: f64,
    pub usage: Usage,
}

/// Use of resources.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Usage {
    /// Identity of the process, which a restart changes.
    pub process: u32,
    pub memory_bytes: u64,
    pub descriptors: u64,
    pub threads: u64,
    /// Time of all processors.
    pub cpu_seconds: f64,
    /// Bytes of the provider's folder.
    pub state_bytes: u64,
    /// Bytes of the provider's log.
    pub log_bytes: u64,
}

impl Usage {
    /// Returns what a process uses, or `None` if it has ended.
    pub fn of(process: u32, state: &Path, log: &Path) -> Option<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let number = |name: &str| -> Option<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        Some(Self {
            process,
            memory_bytes: number("VmRSS:")? * 1024,
            threads: number("Threads:")?,
            descriptors: fs::read_dir(format!("/proc/{process}/fd")).ok()?.count() as u64,
            cpu_seconds: cpu_seconds(process)?,
            state_bytes: folder_bytes(state),
            log_bytes: fs::metadata(log).map_or(0, |file| file.len()),
        })
    }
}

/// Returns the processors' time of a process.
pub fn cpu_seconds(process: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in parentheses, may hold spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<u64>().ok();
    Some((ticks()? + ticks()?) as f64 / TICKS_PER_SECOND)
}

fn folder_bytes(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries
        .flatten()
        .map(|entry| match entry.metadata() {
            Ok(found) if found.is_dir() => folder_bytes(&entry.path()),
            Ok(found) => found.len(),
            Err(_) => 0,
        })
        .sum()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_something() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("log"), [0; 100]).unwrap();
        let usage = Usage::of(std::process::id(), folder.path(), &folder.path().join("log")).unwrap();
        assert!(usage.memory_bytes > 100_000 && usage.threads >= 1 && usage.descriptors >= 3, "{usage:?}");
        assert_eq!((usage.state_bytes, usage.log_bytes), (100, 100));
    }
}
