//! `report`: charts and tables of a run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use serde_json::json;
use sottovoce_evaluate::records::{AccuracyRow, LayerRow, read_rows};
use sottovoce_report::report::splits;
use sottovoce_report::tables::{accuracy_table, layer_table};

use crate::args::Common;
use crate::output;

pub fn run(run: &Path, common: &Common) -> Result<ExitCode> {
    let files = sottovoce_report::write_report(run)?;
    if common.json {
        output::json(&json!({ "run": run, "files": files }));
    } else {
        print(run, &files)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints a run's tables and where its files are.
pub fn print(run: &Path, files: &[PathBuf]) -> Result<()> {
    let layers: Vec<LayerRow> = read_rows(&run.join("layers.csv"))?;
    output::result(&accuracy_text(&run.join("accuracy.csv"))?);
    output::result(&format!("\n{}", layer_table(&layers)?.to_text()));
    output::result("");
    for file in files {
        output::result(&file.display().to_string());
    }
    Ok(())
}

/// The accuracy tables of all split methods in a file.
pub fn accuracy_text(path: &Path) -> Result<String> {
    let rows: Vec<AccuracyRow> = read_rows(path)?;
    let tables = splits(&rows).into_iter().map(|split| Ok(accuracy_table(&rows, split)?.to_text()));
    Ok(tables.collect::<Result<Vec<String>>>()?.join("\n"))
}
