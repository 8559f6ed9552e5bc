//! The report of a run: charts, tables and a page, written into the run's folder.

use std::fs;
use std::path::{Path, PathBuf};

use sottovoce_network::atomic_file;
use sottovoce_table::Table;

use crate::content::tables::run::{accuracy_table, layer_table};
use crate::content::tables::statistics::{best_member_table, spread_table};
use crate::content::verdicts::claims::claims;
use crate::content::verdicts::evidence::Evidence;
use crate::content::verdicts::targets::targets;
use crate::content::verdicts::verdict::Verdicts;
use crate::data::run_records::RunRecords;
use crate::data::split_accuracy::split_methods;
use crate::data::statistics::best_member::best_member_tests;
use crate::data::sweep_records::SweepRecords;
use crate::drawing::rendering::Rendering;
use crate::output::error::ReportError;
use crate::output::html::run_page::{RunPage, run_page};
use crate::output::run_charts::draw_run_charts;
use crate::output::run_heading::RunHeading;
use crate::output::sweep_charts::print_sweep_charts;
use crate::output::sweep_report::write_sweep_report;

/// Draws the charts, the tables and the report of the run or sweep in `run_folder` into that folder, and returns the paths of the
/// files. A folder with `table.csv` holds a sweep: see [`write_sweep_report`].
///
/// Reads `accuracy.csv` and `layers.csv`, and the optional files `validation.csv`, `recall.csv`, `pairs.csv`, `labels.csv`,
/// `elapsed.csv`, `bits.csv`, `sizes.csv`, `run.json` and `config.toml`. The same input gives the same bytes. The files are:
///
/// | files | content |
/// | --- | --- |
/// | `figure5`, `figure6`, `figure7` (`.svg`, `.png`) | accuracy of the regular, likewise and random split at the paper's settings |
/// | `accuracy-<split>` (`.svg`, `.png`) | accuracy of any other split method |
/// | `spread` (`.svg`, `.png`) | accuracies of all split methods without the paper's |
/// | `table3` or `layers` (`.svg`, `.png`) | seconds of each layer |
/// | `figure8` or `elapsed`, `labels-<split>`, `recall`, `bits`, `sizes` (`.svg`, `.png`) | charts of optional records |
/// | `accuracy`, `layers`, `statistics` (`.md`, `.tex`), `verdicts.md` | tables |
/// | `report.html` | all of it on one page |
///
/// A name that starts with `figure` or `table` is used only if the run is comparable with the paper
/// ([`PaperScope`](crate::PaperScope)), and so is `verdicts.md`.
///
/// ```no_run
/// for file in sottovoce_report::write_report("results/paper".as_ref())? {
///     println!("{}", file.display());
/// }
/// # Ok::<(), sottovoce_report::ReportError>(())
/// ```
///
/// # Errors
/// If a record is missing or broken, if a voter was not evaluated under encryption, or if a file cannot be written. Everything is
/// drawn before the first file is written.
pub fn write_report(run_folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    if SweepRecords::exist_in(run_folder) {
        return write_sweep_report(run_folder);
    }
    let records = RunRecords::read(run_folder)?;
    let path = |name: &str| run_folder.join(name);
    let unknown_voter = |file: &str| {
        let path = path(file);
        move |source| ReportError::Voter { path, source }
    };

    let sections = draw_run_charts(&records, run_folder, None)?;
    let RunTables { accuracy, layers } = tables_of(&records, run_folder)?;
    let tests = best_member_tests(&records.pairs, &records.validation)
        .map_err(unknown_voter("pairs.csv or validation.csv"))?;
    let mut statistics = vec![spread_table(&records.accuracy)];
    if !tests.is_empty() {
        statistics.push(best_member_table(&tests));
    }
    let verdicts = judge(&records, run_folder)?;

    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for chart in sections.iter().flat_map(|section| &section.charts) {
        files.push((path(&format!("{}.svg", chart.stem)), chart.svg.clone().into_bytes()));
        files.push((path(&format!("{}.png", chart.stem)), chart.png.clone()));
    }
    let heading = RunHeading::of(&records);
    for (name, tables) in
        [("accuracy", accuracy), ("layers", vec![layers]), ("statistics", statistics.clone())]
    {
        files.push((path(&format!("{name}.md")), heading.markdown(&tables).into_bytes()));
        files.push((path(&format!("{name}.tex")), heading.latex(name, &tables).into_bytes()));
    }
    if !verdicts.is_empty() {
        let judged: Vec<Table> = verdicts.iter().map(Verdicts::table).collect();
        files.push((path("verdicts.md"), heading.markdown(&judged).into_bytes()));
    }
    let page = run_page(&RunPage {
        records: &records,
        chart_sections: &sections,
        statistics: &statistics,
        verdicts: &verdicts,
    });
    files.push((path("report.html"), page.into_bytes()));

    remove_stale_files(run_folder, &files)?;
    for (path, bytes) in &files {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// A chart that was written for print.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedChart {
    /// The file.
    pub path: PathBuf,
    /// A remark if the labels are smaller than requested, since the chart needs more width.
    pub remark: Option<String>,
}

/// Draws only the charts of the run or sweep in `run_folder`, in the format, width and font size of `rendering`, into the folder
/// `out`.
///
/// # Errors
/// If a record is missing or broken, if a voter was not evaluated under encryption, or if a file cannot be written.
pub fn write_charts(
    run_folder: &Path,
    out: &Path,
    rendering: &Rendering,
) -> Result<Vec<PrintedChart>, ReportError> {
    let charts: Vec<(String, Vec<u8>, Option<String>)> = if SweepRecords::exist_in(run_folder) {
        print_sweep_charts(&SweepRecords::read(run_folder)?, rendering)?
    } else {
        let sections = draw_run_charts(&RunRecords::read(run_folder)?, run_folder, Some(*rendering))?;
        let charts = sections.into_iter().flat_map(|section| section.charts);
        charts.filter_map(|chart| chart.printed.map(|p| (chart.stem, p.file, p.remark))).collect()
    };
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ReportError::Write { path, source }
    };
    fs::create_dir_all(out).map_err(failed(out))?;
    charts
        .into_iter()
        .map(|(stem, file, remark)| {
            let path = out.join(format!("{stem}.{}", rendering.format.extension()));
            atomic_file::write(&path, &file).map_err(failed(&path))?;
            Ok(PrintedChart { path, remark })
        })
        .collect()
}

/// Verdicts on this project's targets and on the paper's claims, one table each. Targets are judged for a run of all settings on all
/// of MNIST, claims for a run that is comparable with the paper ([`PaperScope`](crate::PaperScope)).
///
/// # Errors
/// If a record is missing or broken.
pub fn verdict_tables(run_folder: &Path) -> Result<Vec<Table>, ReportError> {
    let records = RunRecords::read(run_folder)?;
    let verdicts = judge(&records, run_folder)?;
    Ok(verdicts.iter().map(Verdicts::table).collect())
}

fn judge(records: &RunRecords, run_folder: &Path) -> Result<Vec<Verdicts>, ReportError> {
    if records.scope.obstacle().is_some() {
        return Ok(Vec::new());
    }
    let evidence = Evidence::new(records)
        .map_err(|source| ReportError::Voter { path: run_folder.join("layers.csv"), source })?;
    let targets = evidence.is_whole().then(|| targets(&evidence));
    Ok(targets.into_iter().chain([claims(&evidence)]).collect())
}

/// Tables of a run for the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunTables {
    /// Accuracies, one table for each split method.
    pub accuracy: Vec<Table>,
    /// Seconds of each layer.
    pub layers: Table,
}

/// Accuracies and layer times of the run in `run_folder`, with the paper's if they are comparable
/// ([`PaperScope`](crate::PaperScope)).
///
/// # Errors
/// If a record is missing or broken.
pub fn run_tables(run_folder: &Path) -> Result<RunTables, ReportError> {
    tables_of(&RunRecords::read(run_folder)?, run_folder)
}

fn tables_of(records: &RunRecords, run_folder: &Path) -> Result<RunTables, ReportError> {
    let unknown_voter = |file: &str| {
        let path = run_folder.join(file);
        move |source| ReportError::Voter { path, source }
    };
    let rows = &records.accuracy;
    let accuracy = split_methods(rows)
        .into_iter()
        .map(|split| accuracy_table(rows, split, &records.scope))
        .collect::<Result<_, _>>()
        .map_err(unknown_voter("accuracy.csv"))?;
    let layers = layer_table(&records.layers, &records.scope).map_err(unknown_voter("layers.csv"))?;
    Ok(RunTables { accuracy, layers })
}

/// Removes charts and verdicts of an earlier report that are not among `files`, since they show records that the run no longer has.
/// Files with other names stay.
fn remove_stale_files(run_folder: &Path, files: &[(PathBuf, Vec<u8>)]) -> Result<(), ReportError> {
    const STEMS: [&str; 11] = [
        "figure5", "figure6", "figure7", "figure8", "spread", "table3", "layers", "elapsed", "recall",
        "bits", "sizes",
    ];
    const PREFIXES: [&str; 2] = ["accuracy-", "labels-"];
    let Ok(entries) = fs::read_dir(run_folder) else { return Ok(()) };
    for path in entries.flatten().map(|entry| entry.path()) {
        let is_chart = path.extension().is_some_and(|ending| ending == "svg" || ending == "png");
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let is_verdict = path.file_name().is_some_and(|name| name == "verdicts.md");
        let ours = STEMS.contains(&stem) || PREFIXES.iter().any(|prefix| stem.starts_with(prefix));
        if (is_chart && ours || is_verdict) && !files.iter().any(|(written, _)| *written == path) {
            fs::remove_file(&path).map_err(|source| ReportError::Write { path, source })?;
        }
    }
    Ok(())
}
