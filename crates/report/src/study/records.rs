//! The records of a sweep: `table.csv` and `sweep.json`.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use csv::StringRecord;
use serde::Deserialize;

use super::error::StudyError;
use crate::run_facts::DatasetFacts;
use crate::wording::counted;

/// Columns that every table has, besides `point` at its beginning. The axes are between `point` and `seed`.
const SEED: &str = "seed";
const VOTER: &str = "voter";
const DOMAIN: &str = "domain";
const ACCURACY: &str = "accuracy";

/// One row: a point, a seed, a voter and a domain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) point: String,
    /// A value for each axis.
    pub(crate) values: Vec<String>,
    pub(crate) seed: String,
    /// `member-1`, ... or `ensemble`.
    pub(crate) voter: String,
    /// `float`, `integer` or `encrypted`.
    pub(crate) domain: String,
    /// A number for each measured column; absent where the cell is empty.
    pub(crate) numbers: Vec<Option<f64>>,
}

/// A point that has no records, or not those of every seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailedPoint {
    pub(crate) name: String,
    pub(crate) error: String,
}

/// What can be charted of a folder.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyRecords {
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
    /// Points that have not been run yet.
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

impl StudyRecords {
    /// Whether `folder` holds a sweep.
    #[must_use]
    pub fn are_in(folder: &Path) -> bool {
        folder.join("table.csv").is_file()
    }

    /// Reads `table.csv` of `folder` and, where they are there, `sweep.json`, `run.json` and `failures.csv`. A folder
    /// without `table.csv` is read as a run: its `accuracy.csv` has the axes `ensemble.split`, `ensemble.share` and
    /// `setting`.
    ///
    /// # Errors
    /// If there are no records, or a file is broken.
    pub fn read(folder: &Path) -> Result<Self, StudyError> {
        let table = folder.join("table.csv");
        let accuracy = folder.join("accuracy.csv");
        let (path, layout) = if table.is_file() {
            (table, Layout::Sweep)
        } else if accuracy.is_file() {
            (accuracy, Layout::Run)
        } else {
            return Err(StudyError::NoRecords { folder: folder.to_owned() });
        };
        let (axes, measures, rows) = read_table(&path, layout)?;
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

    /// The values of an axis in the order in which it is drawn: numbers ascending, words in the order of the rows.
    pub(crate) fn values_of(&self, axis: usize) -> Vec<&str> {
        let values = self.rows.iter().filter_map(|row| row.values.get(axis).map(String::as_str));
        in_order(values)
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

    /// A sentence about the points that are missing, if any are.
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

/// Distinct values: ascending where all of them are numbers, otherwise in the order given.
pub(crate) fn in_order<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let mut distinct: Vec<&str> = values.filter(|value| seen.insert(*value)).collect();
    if distinct.iter().all(|value| number(value).is_some()) {
        distinct.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    }
    distinct
}

/// A finite number.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `table.csv`.
    Sweep,
    /// `accuracy.csv`.
    Run,
}

type Contents = (Vec<String>, Vec<String>, Vec<Row>);

fn read_table(path: &Path, layout: Layout) -> Result<Contents, StudyError> {
    let malformed =
        |line: Option<u64>, message: String| StudyError::Malformed { path: path.to_owned(), line, message };
    let text = fs::read(path).map_err(|source| StudyError::Read { path: path.to_owned(), source })?;
    let mut reader = csv::Reader::from_reader(text.as_slice());
    let broken = |error: csv::Error| {
        let line = error.position().map(csv::Position::line);
        malformed(line, error.to_string())
    };
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
    for (index, name) in header.iter().enumerate() {
        if header[..index].contains(name) {
            return Err(malformed(Some(1), format!("the column `{name}` is there twice")));
        }
    }
    let columns = Columns::of(&header, layout).map_err(|message| malformed(Some(1), message))?;
    let records: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().map_err(broken)?;
    if records.is_empty() {
        return Err(malformed(None, "the file has no rows; evaluate at least one point first".to_owned()));
    }
    let is_number = |cell: &str| cell.is_empty() || cell.parse::<f64>().is_ok();
    let mut measured = Vec::new();
    for &column in &columns.measured {
        let wrong = records.iter().find(|record| !is_number(record.get(column).unwrap_or_default()));
        match wrong {
            None => measured.push(column),
            // Text in a column that this version does not know is no measurement.
            Some(_) if !KNOWN_MEASURES.contains(&header[column].as_str()) => {}
            Some(record) => {
                return Err(malformed(
                    record.position().map(csv::Position::line),
                    format!(
                        "`{}` in column `{}` is not a number",
                        record.get(column).unwrap_or_default(),
                        header[column]
                    ),
                ));
            }
        }
    }
    let rows = records
        .iter()
        .map(|record| {
            columns
                .row(record, &measured)
                .map_err(|message| malformed(record.position().map(csv::Position::line), message))
        })
        .collect::<Result<_, _>>()?;
    Ok((columns.axis_names(&header), measured.iter().map(|&column| header[column].clone()).collect(), rows))
}

/// Measured columns that must hold numbers.
const KNOWN_MEASURES: [&str; 15] = [
    "images",
    "correct",
    ACCURACY,
    "mismatches",
    "outside",
    "plaintext_bits",
    "ciphertext_bits",
    "upload_bytes",
    "answer_bytes",
    "hidden_density",
    "noise_budget_bits",
    "training_seconds",
    "encryption_seconds",
    "provider_seconds",
    "decryption_seconds",
];

/// Where everything is in a row.
struct Columns {
    layout: Layout,
    /// Column of the point's name in a sweep.
    point: Option<usize>,
    /// Columns of the axes; of split, lower and upper share and setting in a run.
    axes: Vec<usize>,
    seed: usize,
    voter: usize,
    domain: usize,
    measured: Vec<usize>,
}

impl Columns {
    fn of(header: &[String], layout: Layout) -> Result<Self, String> {
        let find = |name: &str| {
            header
                .iter()
                .position(|column| column == name)
                .ok_or_else(|| format!("there is no column `{name}`; the columns are {}", header.join(", ")))
        };
        let (seed, voter, domain) = (find(SEED)?, find(VOTER)?, find(DOMAIN)?);
        find(ACCURACY)?;
        let (point, axes) = match layout {
            Layout::Sweep => {
                let point = find("point")?;
                if point > seed {
                    return Err(
                        "the column `point` must be before `seed`, with the axes between them".to_owned()
                    );
                }
                (Some(point), (point + 1..seed).collect::<Vec<_>>())
            }
            Layout::Run => {
                let axes = ["split", "share_low", "share_high", "setting"];
                (None, axes.iter().map(|name| find(name)).collect::<Result<_, _>>()?)
            }
        };
        let others = |column: &usize| {
            ![seed, voter, domain].contains(column) && Some(*column) != point && !axes.contains(column)
        };
        let measured = (0..header.len()).filter(others).collect();
        Ok(Self { layout, point, axes, seed, voter, domain, measured })
    }

    fn axis_names(&self, header: &[String]) -> Vec<String> {
        match self.layout {
            Layout::Sweep => self.axes.iter().map(|&column| header[column].clone()).collect(),
            Layout::Run => ["ensemble.split", "ensemble.share", "setting"].map(str::to_owned).to_vec(),
        }
    }

    fn row(&self, record: &StringRecord, measured: &[usize]) -> Result<Row, String> {
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let texts: Vec<&str> = self.axes.iter().map(|&column| cell(column)).collect();
        let (point, values) = match (self.layout, texts.as_slice()) {
            (Layout::Run, [split, low, high, setting]) => {
                let share = if low == high { (*low).to_owned() } else { format!("{low}-{high}") };
                (format!("{split}-{setting}"), vec![(*split).to_owned(), share, (*setting).to_owned()])
            }
            _ => {
                let point = self.point.map_or_else(String::new, |column| cell(column).to_owned());
                (point, texts.into_iter().map(str::to_owned).collect())
            }
        };
        let (voter, domain) = (cell(self.voter), cell(self.domain));
        voter.parse::<crate::voter::Voter>().map_err(|error| error.to_string())?;
        if !["float", "integer", "encrypted"].contains(&domain) {
            return Err(format!("`{domain}` is no domain: expected float, integer or encrypted"));
        }
        Ok(Row {
            point,
            values,
            seed: cell(self.seed).to_owned(),
            voter: voter.to_owned(),
            domain: domain.to_owned(),
            numbers: measured.iter().map(|&column| cell(column).parse().ok()).collect(),
        })
    }
}

/// The value of a JSON file; the default where there is no file.
fn read_json<T: Default + for<'a> Deserialize<'a>>(path: &Path) -> Result<T, StudyError> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(T::default()),
        Err(source) => Err(StudyError::Read { path: path.to_owned(), source }),
        Ok(text) => serde_json::from_str(&text).map_err(|error| StudyError::Malformed {
            path: path.to_owned(),
            line: Some(error.line() as u64),
            message: format!("{error}; repair the file, since it says whether the data is synthetic"),
        }),
    }
}

/// Points with failures, each with its first error.
fn failures(path: &Path) -> Result<BTreeMap<String, String>, StudyError> {
    #[derive(Deserialize)]
    struct Failure {
        point: String,
        seed: String,
        error: String,
    }
    let text = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        text => text.map_err(|source| StudyError::Read { path: path.to_owned(), source })?,
    };
    let mut failures = BTreeMap::new();
    for row in csv::Reader::from_reader(text.as_slice()).deserialize::<Failure>() {
        let row = row.map_err(|error| StudyError::Malformed {
            path: path.to_owned(),
            line: error.position().map(csv::Position::line),
            message: error.to_string(),
        })?;
        let seed = if row.seed.is_empty() { String::new() } else { format!("seed {}: ", row.seed) };
        failures.entry(row.point).or_insert_with(|| format!("{seed}{}", row.error));
    }
    Ok(failures)
}
