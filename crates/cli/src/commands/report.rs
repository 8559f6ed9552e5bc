//! `report`: charts and tables of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use sottovoce_report::rendering::Format;
use sottovoce_report::report::{RunTables, run_tables, write_charts};
use sottovoce_report::study::StudyRecords;

use crate::args::{Common, ReportOptions};
use crate::output;

pub fn run(run: &Path, options: &ReportOptions, common: &Common) -> Result<ExitCode> {
    if options.print.are_given() {
        return print_charts(run, options, common);
    }
    if options.out.is_some() {
        bail!(
            "--out is for charts that are drawn with --format, --width, --font-size or --no-title; add one of them"
        );
    }
    let files = sottovoce_report::write_report(run)?;
    if common.json {
        output::json(&json!({ "run": run, "files": files }));
    } else if StudyRecords::are_in(run) {
        print_files(&files);
    } else {
        print(run, &files)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws a run's charts for print.
fn print_charts(run: &Path, options: &ReportOptions, common: &Common) -> Result<ExitCode> {
    let format = options.print.format.map_or(Format::Svg, Format::from);
    let out = options.out.clone().unwrap_or_else(|| run.join("figures"));
    let charts = write_charts(run, &out, &options.print.rendering(format))?;
    for chart in &charts {
        if let Some(remark) = &chart.remark {
            output::remark(&format!("{}: {remark}", chart.path.display()));
        }
    }
    let files: Vec<PathBuf> = charts.into_iter().map(|chart| chart.path).collect();
    if common.json {
        output::json(&json!({ "run": run, "files": files }));
    } else {
        print_files(&files);
    }
    Ok(ExitCode::SUCCESS)
}

fn print_files(files: &[PathBuf]) {
    for file in files {
        output::result(&file.display().to_string());
    }
}

/// Prints a run's tables and where its files are.
pub fn print(run: &Path, files: &[PathBuf]) -> Result<()> {
    let tables = run_tables(run)?;
    output::result(&accuracy_text(&tables));
    output::result(&format!("\n{}", tables.layers.to_text()));
    output::result("");
    print_files(files);
    Ok(())
}

/// The accuracy tables of all split methods of a run.
pub fn accuracy_text(tables: &RunTables) -> String {
    tables.accuracy.iter().map(|table| table.to_text()).collect::<Vec<_>>().join("\n")
}
