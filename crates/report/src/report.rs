//! A run folder's charts and tables, drawn from its CSV files.

use std::path::{Path, PathBuf};

use sottovoce_evaluate::records::{AccuracyRow, LayerRow, RecordError, read_rows};
use sottovoce_network::atomic_file;

use crate::caption::Caption;
use crate::figure::DrawError;
use crate::figure_accuracy::{FigureError, accuracy_figure};
use crate::paper;
use crate::run_facts::DatasetFacts;
use crate::tables::{accuracy_table, layer_table};
use crate::voter::UnknownVoter;

/// Why a report was not written. No half-written file is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A record file is missing or broken.
    #[error("cannot report on this run: its records are incomplete or broken; evaluate the run first")]
    Records(#[from] RecordError),
    /// A record file has no rows.
    #[error("{path} has no rows; evaluate the run first")]
    NoRows {
        /// The file.
        path: PathBuf,
    },
    /// `run.json` is there but cannot be read.
    #[error(
        "cannot read {path}, which says whether the data is synthetic; repair it, or remove it to draw charts \
         that name no data set"
    )]
    RunFile {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The rows of a file cannot be drawn.
    #[error("cannot draw the accuracies in {path}")]
    Figure {
        /// The file with the rows.
        path: PathBuf,
        /// Why not.
        source: FigureError,
    },
    /// A row names an unknown voter.
    #[error("cannot tabulate {path}; correct the row or evaluate the run again")]
    Voter {
        /// The file with the row.
        path: PathBuf,
        /// Which name.
        source: UnknownVoter,
    },
    /// The drawing or the encoding library failed.
    #[error("cannot draw {path}")]
    Draw {
        /// The file that was to be written.
        path: PathBuf,
        /// Why not.
        source: DrawError,
    },
    /// A file could not be written.
    #[error("cannot write {path}; check that there is space and that you may write to its folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Draws the charts and tables of the run in `run_folder` into that folder, and returns their paths.
///
/// Reads `accuracy.csv`, `layers.csv` and, if there, `dataset.name` and `dataset.synthetic` of `run.json`.
/// Writes, for each split method, `figure5`, `figure6`, `figure7` (regular, likewise, random) or
/// `accuracy-<split>` as SVG and PNG; and `accuracy.md` and `layers.md`. The same input gives the same
/// bytes.
///
/// # Errors
/// If a record is missing, broken or not encrypted, or a file cannot be written. Everything is drawn before
/// anything is written.
pub fn write_report(run_folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let accuracy_path = run_folder.join("accuracy.csv");
    let layers_path = run_folder.join("layers.csv");
    let accuracy: Vec<AccuracyRow> = read_rows(&accuracy_path)?;
    let layers: Vec<LayerRow> = read_rows(&layers_path)?;
    for (path, empty) in [(&accuracy_path, accuracy.is_empty()), (&layers_path, layers.is_empty())] {
        if empty {
            return Err(ReportError::NoRows { path: path.clone() });
        }
    }
    let dataset = DatasetFacts::read(&run_folder.join("run.json"))?;

    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut tables: Vec<String> = Vec::new();
    for split in splits(&accuracy) {
        let stem = figure_stem(split);
        let figure = accuracy_figure(&accuracy, split, &caption(split, &dataset))
            .map_err(|source| ReportError::Figure { path: accuracy_path.clone(), source })?;
        let svg_path = run_folder.join(format!("{stem}.svg"));
        let png_path = run_folder.join(format!("{stem}.png"));
        let svg = figure.svg().map_err(|source| ReportError::Draw { path: svg_path.clone(), source })?;
        let png = figure.png().map_err(|source| ReportError::Draw { path: png_path.clone(), source })?;
        files.extend([(svg_path, svg.into_bytes()), (png_path, png)]);
        let table = accuracy_table(&accuracy, split)
            .map_err(|source| ReportError::Voter { path: accuracy_path.clone(), source })?;
        tables.push(table.to_markdown());
    }
    let heading = heading(&dataset);
    let layers = layer_table(&layers)
        .map_err(|source| ReportError::Voter { path: layers_path, source })?
        .to_markdown();
    files.push((run_folder.join("accuracy.md"), (heading.clone() + &tables.join("\n")).into_bytes()));
    files.push((run_folder.join("layers.md"), (heading + &layers).into_bytes()));

    for (path, bytes) in &files {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// Split methods in the order of their first rows.
#[must_use]
pub fn splits(rows: &[AccuracyRow]) -> Vec<&str> {
    let mut splits: Vec<&str> = Vec::new();
    for row in rows {
        if !splits.contains(&row.split.as_str()) {
            splits.push(&row.split);
        }
    }
    splits
}

/// The file name of a split method's chart, without its ending.
fn figure_stem(split: &str) -> String {
    match paper::figure(split) {
        Some(number) => format!("figure{number}"),
        // A name from a CSV file must not lead out of the folder.
        None => {
            let plain = |letter: char| if letter.is_ascii_alphanumeric() { letter } else { '-' };
            format!("accuracy-{}", split.chars().map(plain).collect::<String>())
        }
    }
}

fn caption(split: &str, dataset: &DatasetFacts) -> Caption {
    let figure = paper::figure(split).map_or_else(String::new, |number| format!("Figure {number}. "));
    Caption {
        title: format!("{figure}Test accuracy under encryption, {split} split"),
        dataset: dataset.name().to_owned(),
        synthetic: dataset.synthetic,
    }
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
