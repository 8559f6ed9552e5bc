//! The results as text.

use sottovoce_table::{ABSENT, Table};

use crate::record::{Quantiles, Record, Resources};

/// Ways in which an attack's attempts ended that are shown.
const SHOWN_OUTCOMES: usize = 6;

/// Returns the results as text.
pub fn text(record: &Record) -> String {
    let answers = &record.answers;
    let title = format!(
        "A siege of {:.0} s on {} processors: {} right answers, {} wrong, {} lost",
        record.seconds, record.processors, answers.right, answers.wrong, answers.lost
    );
    let mut paragraphs = vec![title];
    paragraphs
        .extend([latency(record), resources(record)].map(|table| table.to_text().trim_end().to_owned()));
    let mut lines = revocations(record);
    let levels = record.log_lines.iter().map(|(level, count)| format!("{count} {level}"));
    lines.push(format!("Lines of the provider's log: {}", levels.collect::<Vec<_>>().join(", ")));
    let cpu: f64 = record.sieges.iter().map(|siege| siege.hostile_cpu_seconds).sum();
    lines.push(format!("Processor seconds of the hostile process: {cpu:.1}"));
    paragraphs.push(lines.join("\n"));
    paragraphs.push(attacks(record).to_text().trim_end().to_owned());
    let mut lines: Vec<String> =
        record.beyond_target.iter().map(|figure| format!("beyond the target: {figure}")).collect();
    match record.failures.is_empty() {
        true => lines.push("All invariants hold.".to_owned()),
        false => lines.extend(record.failures.iter().map(|failure| format!("FAILED: {failure}"))),
    }
    paragraphs.push(lines.join("\n"));
    paragraphs.join("\n\n")
}

fn latency(record: &Record) -> Table {
    let latency = &record.latency;
    let row = |name: &str, found: &Option<Quantiles>| {
        let numbers = match found {
            Some(found) => [found.median, found.p95, found.max].map(|seconds| format!("{seconds:.2}")),
            None => [ABSENT; 3].map(str::to_owned),
        };
        let count = found.map_or(0, |found| found.count);
        [name.to_owned(), count.to_string()].into_iter().chain(numbers).collect()
    };
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| ABSENT.to_owned(), |ratio| format!("{ratio:.2}"));
    let [median, p95] = [latency.median_ratio, latency.p95_ratio].map(ratio);
    let absent = || ABSENT.to_owned();
    Table {
        title: "Seconds from a batch's first byte to its answer's last".to_owned(),
        header: ["period", "answers", "median", "95 %", "largest"].map(str::to_owned).to_vec(),
        rows: vec![
            row("quiet", &latency.quiet),
            row("siege", &latency.siege),
            row("around restarts", &latency.restart),
            vec!["siege / quiet".to_owned(), absent(), median, p95, absent()],
        ],
        notes: vec![format!(
            "Right answers per minute: {:.0} in quiet periods, {:.0} in sieges",
            latency.quiet_per_minute, latency.siege_per_minute
        )],
    }
}

fn resources(record: &Record) -> Table {
    let growth = &record.growth;
    let row = |name: &str, found: &Option<Resources>| {
        let numbers = match found {
            Some(found) => [
                format!("{:.1}", found.memory_megabytes),
                format!("{:.0}", found.descriptors),
                format!("{:.0}", found.threads),
                format!("{:.1}", found.state_megabytes),
                format!("{:.2}", found.log_megabytes),
            ],
            None => [ABSENT; 5].map(str::to_owned),
        };
        [name.to_owned()].into_iter().chain(numbers).collect()
    };
    let header = ["period", "memory MB", "descriptors", "threads", "state MB", "log MB"];
    Table {
        title: "Resources of the provider".to_owned(),
        header: header.map(str::to_owned).to_vec(),
        rows: vec![
            row("quiet, median", &growth.quiet),
            row("second siege, median", &growth.second_siege),
            row("last siege, median", &growth.last_siege),
            row("largest", &growth.largest),
            row("15 s after the sieges", &growth.after),
        ],
        notes: Vec::new(),
    }
}

fn revocations(record: &Record) -> Vec<String> {
    let lines = record.sieges.iter().enumerate().map(|(number, siege)| {
        let delays: Vec<String> = siege.closed_after.iter().map(|delay| format!("{delay:.1}")).collect();
        format!(
            "Revoked in siege {}: connections closed after {} s; {} closed before, {} open at the end",
            number + 1,
            if delays.is_empty() { ABSENT.to_owned() } else { delays.join(", ") },
            siege.closed_before,
            siege.open_at_end
        )
    });
    lines.collect()
}

fn attacks(record: &Record) -> Table {
    let rows = record.attacks.values().chain([&record.probes]).map(|report| {
        let mut outcomes: Vec<(&String, &u64)> = report.outcomes.iter().collect();
        outcomes.sort_by_key(|&(_, count)| std::cmp::Reverse(*count));
        let more = outcomes.len().saturating_sub(SHOWN_OUTCOMES);
        let shown = outcomes.iter().take(SHOWN_OUTCOMES).map(|(outcome, count)| format!("{count} {outcome}"));
        let mut shown: Vec<String> = shown.collect();
        if more > 0 {
            shown.push(format!("{more} other outcomes"));
        }
        let name = if report.attack.is_empty() { "(honest clients)" } else { &report.attack };
        vec![name.to_owned(), report.attempts.to_string(), shown.join("; ")]
    });
    Table {
        title: "Attempts of the attacks, and how they ended".to_owned(),
        header: ["attack", "attempts", "outcomes"].map(str::to_owned).to_vec(),
        rows: rows.collect(),
        notes: Vec::new(),
    }
}
