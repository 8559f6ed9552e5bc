//! Records of a sweep: its rows, its data set, and the points that failed or have not been run.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::data::run_facts::DatasetFacts;
use crate::data::sweep_table::{Row, SweepRecordsError, SweepTable, TableForm};
use crate::data::values::distinct_in_order;
use crate::data::wording::counted;

/// A point that failed with at least one seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedPoint {
    pub(crate) name: String,
    pub(crate) error: String,
}

/// Records of a sweep, or of a run in the same form.
///
/// ```no_run
/// use sottovoce_report::{ChartQuery, Rendering, SweepChart, SweepRecords};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let records = SweepRecords::read("results/studies/members".as_ref())?;
/// let chart = SweepChart::new(&records, &ChartQuery::new("members", "accuracy"))?;
/// let (svg, _) = chart.render(&Rendering::default(), None)?;
/// std::fs::write("members.svg", svg)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SweepRecords {
    /// The file with the rows.
    pub(crate) path: PathBuf,
    /// Name of the sweep, or of its folder.
    pub(crate) name: String,
    /// Paths of the axes, in the order of the columns.
    pub(crate) axes: Vec<String>,
    /// Names of the measured columns.
    pub(crate) measures: Vec<String>,
    pub(crate) rows: Vec<Row>,
    pub(crate) dataset: DatasetFacts,
    pub(crate) failed: Vec<FailedPoint>,
    /// Number of points that have not been run yet.
    pub(crate) open: usize,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SweepFile {
    name: Option<String>,
    dataset: Option<DatasetFacts>,
    points: Vec<SweepPoint>,
}

#[derive(Debug, Deserialize)]
struct SweepPoint {
    point: Option<String>,
    #[serde(default)]
    state: String,
    error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RunFile {
    dataset: DatasetFacts,
}

impl SweepRecords {
    /// Returns whether `folder` holds the records of a sweep.
    #[must_use]
    pub fn exist_in(folder: &Path) -> bool {
        folder.join("table.csv").is_file()
    }

    /// Reads `table.csv` of `folder` and the optional files `sweep.json`, `run.json` and `failures.csv`. A folder without
    /// `table.csv` is read as a run: its `accuracy.csv` has the axes `ensemble.split`, `ensemble.share` and `setting`.
    ///
    /// # Errors
    /// If there are no records, or a file is broken.
    pub fn read(folder: &Path) -> Result<Self, SweepRecordsError> {
        let table = folder.join("table.csv");
        let accuracy = folder.join("accuracy.csv");
        let (path, form) = if table.is_file() {
            (table, TableForm::Sweep)
        } else if accuracy.is_file() {
            (accuracy, TableForm::Run)
        } else {
            return Err(SweepRecordsError::NoRecords { folder: folder.to_owned() });
        };
        let SweepTable { axes, measures, rows } = SweepTable::read(&path, form)?;
        let sweep: SweepFile = read_json(&folder.join("sweep.json"))?;
        let dataset = match sweep.dataset {
            Some(dataset) => dataset,
            None => read_json::<RunFile>(&folder.join("run.json"))?.dataset,
        };
        let mut failed: BTreeMap<String, String> = failures(&folder.join("failures.csv"))?;
        let mut open = 0;
        for point in sweep.points {
            match point.state.as_str() {
                "failed" => {
                    let entry = failed.entry(point.point.unwrap_or_else(|| "(no name)".to_owned()));
                    let error = point.error.unwrap_or_default();
                    entry
                        .and_modify(|known| {
                            if known.is_empty() {
                                known.clone_from(&error)
                            }
                        })
                        .or_insert(error);
                }
                "open" => open += 1,
                _ => {}
            }
        }
        let folder_name =
            || folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self {
            path,
            name: sweep.name.unwrap_or_else(folder_name),
            axes,
            measures,
            rows,
            dataset,
            failed: failed.into_iter().map(|(name, error)| FailedPoint { name, error }).collect(),
            open,
        })
    }

    /// The values of an axis in drawing order: numbers ascending, words in the order of the rows.
    pub(crate) fn values_of(&self, axis: usize) -> Vec<&str> {
        let values = self.rows.iter().filter_map(|row| row.values.get(axis).map(String::as_str));
        distinct_in_order(values)
    }

    /// Path of an axis.
    pub(crate) fn axis_name(&self, axis: usize) -> &str {
        self.axes.get(axis).map_or("", String::as_str)
    }

    /// Position of a measured column, if the table has it.
    pub(crate) fn measure(&self, name: &str) -> Option<usize> {
        self.measures.iter().position(|measure| measure == name)
    }

    /// The names of the points with rows, in the order of the rows.
    pub(crate) fn points(&self) -> Vec<&str> {
        // A sweep may have ten thousand points.
        let mut seen = HashSet::new();
        self.rows.iter().map(|row| row.point.as_str()).filter(|point| seen.insert(*point)).collect()
    }

    /// Axes with at least two values.
    pub(crate) fn varied_axes(&self) -> Vec<usize> {
        (0..self.axes.len()).filter(|&axis| self.values_of(axis).len() > 1).collect()
    }

    /// Sentences about failed points and points that have not been run, if there are any.
    pub(crate) fn missing_points(&self) -> Vec<String> {
        const SHOWN: usize = 3;
        let mut sentences = Vec::new();
        if let Some(first) = self.failed.first() {
            let names: Vec<&str> = self.failed.iter().take(SHOWN).map(|point| point.name.as_str()).collect();
            let more = self.failed.len().saturating_sub(SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let reason = if first.error.is_empty() {
                String::new()
            } else {
                format!("; the first: {}", first_line(&first.error))
            };
            let count = counted(self.failed.len() as u64, "point", "points");
            sentences.push(format!("{count} failed: {}{more}{reason}.", names.join("; ")));
        }
        if self.open > 0 {
            let verb = if self.open == 1 { "has" } else { "have" };
            sentences
                .push(format!("{} {verb} not been run yet.", counted(self.open as u64, "point", "points")));
        }
        sentences
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default().trim_end_matches('.')
}

/// Reads a JSON file; the default if there is no file.
fn read_json<T: Default + for<'a> Deserialize<'a>>(path: &Path) -> Result<T, SweepRecordsError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(source) => Err(SweepRecordsError::Read { path: path.to_owned(), source }),
        Ok(text) => serde_json::from_str(&text).map_err(|error| SweepRecordsError::Malformed {
            path: path.to_owned(),
            line: Some(error.line() as u64),
            message: format!("{error}; repair the file, since it says whether the data is synthetic"),
        }),
    }
}

/// Reads `failures.csv`: failed points, each with its first error.
fn failures(path: &Path) -> Result<BTreeMap<String, String>, SweepRecordsError> {
    #[derive(Deserialize)]
    struct Failure {
        point: String,
        seed: String,
        error: String,
    }
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text.map_err(|source| SweepRecordsError::Read { path: path.to_owned(), source })?,
    };
    let mut failures = BTreeMap::new();
    for row in csv::Reader::from_reader(text.as_slice()).deserialize::<Failure>() {
        let row = row.map_err(|error| SweepRecordsError::Malformed {
            path: path.to_owned(),
            line: error.position().map(csv::Position::line),
            message: error.to_string(),
        })?;
        let seed = if row.seed.is_empty() { String::new() } else { format!("seed {}: ", row.seed) };
        failures.entry(row.point).or_insert_with(|| format!("{seed}{}", row.error));
    }
    Ok(failures)
}
