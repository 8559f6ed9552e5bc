//! Peak memory of processes.

use std::fs;

/// Peak memory of this process in bytes; `None` if the system does not report it.
pub fn peak_memory_bytes() -> Option<u64> {
    peak_memory_of("self")
}

/// Peak memory in bytes of the process with the number `process`, or of this process for `self`.
pub fn peak_memory_of(process: &str) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kilobytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kilobytes * 1024)
}
