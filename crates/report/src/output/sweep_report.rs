//! The report of a sweep: charts, the table of its points, and a page with both, written into the sweep's folder.

use std::path::{Path, PathBuf};

use sottovoce_network::atomic_file;
use sottovoce_table::LATEX_PACKAGES;

use crate::content::tables::sweep_points::points_table;
use crate::data::run_facts::RunFacts;
use crate::data::sweep_records::SweepRecords;
use crate::output::error::ReportError;
use crate::output::html::sweep_page::{SweepPage, sweep_page};
use crate::output::sweep_charts::draw_sweep_charts;

/// Draws the charts, the table and the report of the sweep in `folder` into that folder, and returns the paths of the files. The same
/// input gives the same bytes. The files are:
///
/// - `accuracy-by-AXIS` (`.svg`, `.png`) for every axis with at least two values;
/// - `accuracy-heat-AXIS-and-AXIS` (`.svg`, `.png`) if there are two such axes;
/// - `accuracy-frontier-plaintext_bits` and `accuracy-frontier-provider_seconds` (`.svg`, `.png`);
/// - `table.md`, `table.tex` and `report.html`.
///
/// # Errors
/// If a record is broken or a file cannot be written. Everything is drawn before the first file is written.
pub fn write_sweep_report(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let records = SweepRecords::read(folder)?;
    let facts = RunFacts::read(&folder.join("run.json"))?;
    let config = std::fs::read_to_string(folder.join("config.toml")).ok();
    let (charts, skipped) = draw_sweep_charts(&records)?;
    let table = points_table(&records);

    let path = |name: &str| folder.join(name);
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for chart in &charts {
        files.push((path(&format!("{}.svg", chart.stem)), chart.svg.clone().into_bytes()));
        files.push((path(&format!("{}.png", chart.stem)), chart.png.clone()));
    }
    let dataset = &records.dataset;
    let warning = if dataset.synthetic {
        "SYNTHETIC DATA, drawn by a program: not comparable with results on MNIST."
    } else {
        ""
    };
    let facts_line = format!("Sweep: {}. Data set: {}.", records.name, dataset.name());
    let missing: String = records.missing_points().iter().map(|line| format!("{line}\n\n")).collect();
    let bold = if warning.is_empty() { String::new() } else { format!("**{warning}**\n\n") };
    files.push((
        path("table.md"),
        format!("{bold}{facts_line}\n\n{missing}{}", table.to_markdown()).into_bytes(),
    ));
    let comment = if warning.is_empty() { String::new() } else { format!("% {warning}\n") };
    let subject = if dataset.synthetic {
        format!("SYNTHETIC DATA: {}", dataset.name())
    } else {
        dataset.name().to_owned()
    };
    let latex = format!(
        "{comment}% {}\n% {LATEX_PACKAGES}\n\n{}",
        facts_line.replace(['\n', '\r'], " "),
        table.to_latex("tab:points", Some(&subject))
    );
    files.push((path("table.tex"), latex.into_bytes()));
    let html = sweep_page(&SweepPage {
        records: &records,
        facts: &facts,
        config: config.as_deref(),
        charts: &charts,
        skipped: &skipped,
        table: &table,
    });
    files.push((path("report.html"), html.into_bytes()));
    for (path, bytes) in &files {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}
