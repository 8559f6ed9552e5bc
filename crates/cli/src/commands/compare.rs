//! `compare`: two runs or two sweeps side by side.

use std::process::ExitCode;

use anyhow::Result;
use sottovoce_report::compare::compare;
use sottovoce_report::table::{LATEX_PACKAGES, Table};

use crate::args::{Common, CompareOptions, TableFormat};
use crate::output::{self, to_value};

pub fn run(options: &CompareOptions, common: &Common) -> Result<ExitCode> {
    let comparison = compare(&options.first, &options.second)?;
    if common.json {
        output::json(&to_value(&comparison));
    } else {
        output::result(&render(&comparison.tables(), options.format));
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
