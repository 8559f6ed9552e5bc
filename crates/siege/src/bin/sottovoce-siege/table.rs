//! The results as text.

use crate::record::{Quantiles, Record, Resources};

/// Ways in which an attack's attempts ended that are shown.
const SHOWN_OUTCOMES: usize = 6;

/// Returns the results as text.
pub fn text(record: &Record) -> String {
    let mut lines = vec![format!(
        "A siege of {:.0} s on {} processors: {} right answers, {} wrong, {} lost",
        record.seconds, record.processors, record.answers.right, record.answers.wrong, record.answers.lost
    )];
    lines.push(String::new());
    lines.extend(latency(record));
    lines.push(String::new());
    lines.extend(resources(record));
    lines.push(String::new());
    lines.extend(revocations(record));
    let levels = record.log_lines.iter().map(|(level, count)| format!("{count} {level}"));
    lines.push(format!("lines of the provider's log: {}", levels.collect::<Vec<_>>().join(", ")));
    let cpu: f64 = record.sieges.iter().map(|siege| siege.hostile_cpu_seconds).sum();
    lines.push(format!("processor seconds of the hostile process: {cpu:.1}"));
    lines.push(String::new());
    lines.extend(attacks(record));
    lines.push(String::new());
    lines.extend(record.beyond_target.iter().map(|figure| format!("beyond the target: {figure}")));
    match record.failures.is_empty() {
        true => lines.push("All invariants hold.".to_owned()),
        false => lines.extend(record.failures.iter().map(|failure| format!("FAILED: {failure}"))),
    }
    lines.join("\n")
}

fn latency(record: &Record) -> Vec<String> {
    let row = |name: &str, found: &Option<Quantiles>| match found {
        Some(found) => format!(
            "{name:<26} {:>7} {:>8.2} {:>8.2} {:>8.2}",
            found.count, found.median, found.p95, found.max
        ),
        None => format!("{name:<26} {:>7}", 0),
    };
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    vec![
        format!(
            "{:<26} {:>7} {:>8} {:>8} {:>8}",
            "seconds of an answer", "answers", "median", "95 %", "largest"
        ),
        row("  quiet", &record.latency.quiet),
        row("  siege", &record.latency.siege),
        row("  around restarts", &record.latency.restart),
        format!(
            "{:<26} {:>7} {:>8} {:>8}",
            "  siege / quiet",
            "",
            ratio(record.latency.median_ratio),
            ratio(record.latency.p95_ratio)
        ),
        format!(
            "right answers per minute: {:.0} in quiet periods, {:.0} in sieges",
            record.latency.quiet_per_minute, record.latency.siege_per_minute
        ),
    ]
}

fn resources(record: &Record) -> Vec<String> {
    let row = |name: &str, found: &Option<Resources>| match found {
        Some(found) => format!(
            "{name:<26} {:>9.1} {:>11.0} {:>7.0} {:>9.1} {:>7.2}",
            found.memory_megabytes,
            found.descriptors,
            found.threads,
            found.state_megabytes,
            found.log_megabytes
        ),
        None => format!("{name:<26} {:>9}", "-"),
    };
    vec![
        format!(
            "{:<26} {:>9} {:>11} {:>7} {:>9} {:>7}",
            "the provider", "memory MB", "descriptors", "threads", "state MB", "log MB"
        ),
        row("  quiet, median", &record.growth.quiet),
        row("  second siege, median", &record.growth.second_siege),
        row("  last siege, median", &record.growth.last_siege),
        row("  largest", &record.growth.largest),
        row("  15 s after the sieges", &record.growth.after),
    ]
}

fn revocations(record: &Record) -> Vec<String> {
    let lines = record.sieges.iter().enumerate().map(|(number, siege)| {
        let delays: Vec<String> = siege.closed_after.iter().map(|delay| format!("{delay:.1}")).collect();
        format!(
            "revoked in siege {}: connections closed after {} s; {} closed before, {} open at the end",
            number + 1,
            if delays.is_empty() { "-".to_owned() } else { delays.join(", ") },
            siege.closed_before,
            siege.open_at_end
        )
    });
    lines.collect()
}

fn attacks(record: &Record) -> Vec<String> {
    let mut lines = vec![format!("{:<24} {:>8}  outcomes", "attack", "attempts")];
    for report in record.attacks.values().chain([&record.probes]) {
        let mut outcomes: Vec<(&String, &u64)> = report.outcomes.iter().collect();
        outcomes.sort_by_key(|&(_, count)| std::cmp::Reverse(*count));
        let more = outcomes.len().saturating_sub(SHOWN_OUTCOMES);
        let shown = outcomes.iter().take(SHOWN_OUTCOMES).map(|(outcome, count)| format!("{count} {outcome}"));
        let mut shown: Vec<String> = shown.collect();
        if more > 0 {
            shown.push(format!("{more} other outcomes"));
        }
        let name = if report.attack.is_empty() { "(honest clients)" } else { &report.attack };
        lines.push(format!("{name:<24} {:>8}  {}", report.attempts, shown.join("; ")));
    }
    lines
}
