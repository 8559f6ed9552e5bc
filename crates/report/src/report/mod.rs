//! A run folder's charts, tables and report, drawn from its records.

mod error;
mod figures;
mod records;

use std::fs;
use std::path::{Path, PathBuf};

use sottovoce_evaluate::records::AccuracyRow;
use sottovoce_network::atomic_file;

pub use error::ReportError;
pub(crate) use figures::{Part, Picture};
pub(crate) use records::RunRecords;

use crate::distinct::distinct;
use crate::html;
use crate::run_facts::DatasetFacts;
use crate::statistics;
use crate::table::Table;
use crate::tables::{accuracy_table, layer_table};
use crate::verdict::{self, Evidence, Verdicts};

/// Draws the charts, the tables and the report of the run in `run_folder` into that folder, and returns their
/// paths.
///
/// Reads `accuracy.csv` and `layers.csv`, and, where they are there, `validation.csv`, `recall.csv`, `pairs.csv`,
/// `labels.csv`, `elapsed.csv`, `bits.csv`, `sizes.csv`, `run.json` and `config.toml`. Writes charts as SVG and PNG:
/// `figure5`, `figure6`, `figure7` (regular, likewise, random) or `accuracy-<split>` for each split method but the
/// baselines, `spread` (all sweeps without the paper), `table3`, and `figure8`, `labels-<split>`, `recall`, `bits`, `sizes` where there are such records;
/// tables as Markdown: `accuracy.md`, `layers.md`, `statistics.md`, `verdicts.md`; and all of it as one page,
/// `report.html`. The same input gives the same bytes.
///
/// # Errors
/// If a record is missing, broken or not encrypted, or a file cannot be written. Everything is drawn before
/// anything is written.
pub fn write_report(run_folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let records = RunRecords::read(run_folder)?;
    let path = |name: &str| run_folder.join(name);
    let unknown_voter = |file: &str| {
        let path = path(file);
        move |source| ReportError::Voter { path, source }
    };

    let parts = figures::draw(&records, run_folder)?;
    let accuracy: Vec<Table> = splits(&records.accuracy)
        .into_iter()
        .map(|split| accuracy_table(&records.accuracy, split))
        .collect::<Result<_, _>>()
        .map_err(unknown_voter("accuracy.csv"))?;
    let layers = layer_table(&records.layers).map_err(unknown_voter("layers.csv"))?;
    let comparisons = statistics::pairs::comparisons(&records.pairs, &records.validation)
        .map_err(unknown_voter("pairs.csv or validation.csv"))?;
    let mut statistics = vec![statistics::tables::spread_table(&records.accuracy)];
    if !comparisons.is_empty() {
        statistics.push(statistics::tables::comparison_table(&comparisons));
    }
    let verdicts = judge(&records, run_folder)?;

    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for picture in parts.iter().flat_map(|part| &part.pictures) {
        files.push((path(&format!("{}.svg", picture.stem)), picture.svg.clone().into_bytes()));
        files.push((path(&format!("{}.png", picture.stem)), picture.png.clone()));
    }
    let heading = heading(&records.facts.dataset);
    let markdown = |tables: &[Table]| {
        let tables: Vec<String> = tables.iter().map(Table::to_markdown).collect();
        (heading.clone() + &tables.join("\n")).into_bytes()
    };
    let judged: Vec<Table> = verdicts.iter().map(Verdicts::table).collect();
    files.push((path("accuracy.md"), markdown(&accuracy)));
    files.push((path("layers.md"), markdown(&[layers])));
    files.push((path("statistics.md"), markdown(&statistics)));
    files.push((path("verdicts.md"), markdown(&judged)));
    let page = html::page(&html::Contents {
        records: &records,
        parts: &parts,
        statistics: &statistics,
        verdicts: &verdicts,
    });
    files.push((path("report.html"), page.into_bytes()));

    remove_stale_charts(run_folder, &files)?;
    for (path, bytes) in &files {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// What came of this project's targets and of the paper's claims, as one table each, without drawing anything.
///
/// # Errors
/// If a record is missing or broken.
pub fn verdict_tables(run_folder: &Path) -> Result<Vec<Table>, ReportError> {
    let records = RunRecords::read(run_folder)?;
    let verdicts = judge(&records, run_folder)?;
    Ok(verdicts.iter().map(Verdicts::table).collect())
}

fn judge(records: &RunRecords, run_folder: &Path) -> Result<[Verdicts; 2], ReportError> {
    let evidence = Evidence::new(records)
        .map_err(|source| ReportError::Voter { path: run_folder.join("layers.csv"), source })?;
    Ok([verdict::targets(&evidence), verdict::claims(&evidence)])
}

/// Split methods in the order of their first rows, baselines included.
#[must_use]
pub fn splits(rows: &[AccuracyRow]) -> Vec<&str> {
    distinct(rows.iter().map(|row| row.split.as_str()))
}

/// Removes charts of an earlier report that this one does not draw: they would show what the run no longer holds. Files
/// with other names are left alone.
fn remove_stale_charts(run_folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<(), ReportError> {
    const STEMS: [&str; 9] =
        ["figure5", "figure6", "figure7", "figure8", "spread", "table3", "recall", "bits", "sizes"];
    const PREFIXES: [&str; 2] = ["accuracy-", "labels-"];
    let Ok(entries) = fs::read_dir(run_folder) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_chart = path.extension().is_some_and(|ending| ending == "svg" || ending == "png");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let ours = STEMS.contains(&stem) || PREFIXES.iter().any(|prefix| stem.starts_with(prefix));
        if is_chart && ours && !files.iter().any(|(written, _)| *written == path) {
            fs::remove_file(&path).map_err(|source| ReportError::Write { path, source })?;
        }
    }
    Ok(())
}

/// What stands above the tables of a file.
fn heading(dataset: &DatasetFacts) -> String {
    let warning = if dataset.synthetic {
        "**SYNTHETIC DATA, drawn by a program: not comparable with results on MNIST.**\n\n"
    } else {
        ""
    };
    format!("{warning}Data set: {}.\n\n", dataset.name())
}
