//! `report` and `compare`: charts and tables of runs and sweeps.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use serde_json::json;
use sottovoce_report::{
    Format, RunTables, SweepRecords, compare_folders, comparison_tables, run_tables, write_charts,
};
use sottovoce_table::{LATEX_PACKAGES, Table};

use crate::args::experiments::report::{CompareOptions, ReportOptions, TableFormat};
use crate::args::global::GlobalOptions;
use crate::output::{self, to_value};

pub fn run(run: &Path, options: &ReportOptions, global: &GlobalOptions) -> Result<ExitCode> {
    if options.print.are_given() {
        return print_charts(run, options, global);
    }
    if options.out.is_some() {
        bail!(
            "--out needs one of --format, --width, --font-size and --no-title: without them, charts are written to the run's folder"
        );
    }
    let files = sottovoce_report::write_report(run)?;
    if global.json {
        output::json(&json!({ "run": run, "files": files }));
    } else if SweepRecords::exist_in(run) {
        print_files(&files);
    } else {
        print(run, &files)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Draws a run's charts with the options for print.
fn print_charts(run: &Path, options: &ReportOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let format = options.print.format.map_or(Format::Svg, Format::from);
    let out = options.out.clone().unwrap_or_else(|| run.join("figures"));
    let charts = write_charts(run, &out, &options.print.rendering(format))?;
    for chart in &charts {
        if let Some(remark) = &chart.remark {
            output::remark(&format!("{}: {remark}", chart.path.display()));
        }
    }
    let files: Vec<PathBuf> = charts.into_iter().map(|chart| chart.path).collect();
    if global.json {
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

/// Prints a run's tables, and the paths of the report's files.
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

pub fn compare(options: &CompareOptions, global: &GlobalOptions) -> Result<ExitCode> {
    let comparison = compare_folders(&options.first, &options.second)?;
    if global.json {
        output::json(&to_value(&comparison));
    } else {
        output::result(&render(&comparison_tables(&comparison), options.format));
    }
    Ok(ExitCode::SUCCESS)
}

fn render(tables: &[Table], format: TableFormat) -> String {
    let numbered = tables.iter().zip(1..);
    let texts: Vec<String> = match format {
        TableFormat::Text => tables.iter().map(Table::to_text).collect(),
        TableFormat::Md => tables.iter().map(Table::to_markdown).collect(),
        TableFormat::Latex => {
            numbered.map(|(table, number)| table.to_latex(&format!("tab:compare-{number}"), None)).collect()
        }
    };
    let head = if format == TableFormat::Latex { format!("% {LATEX_PACKAGES}\n\n") } else { String::new() };
    head + &texts.join("\n")
}
