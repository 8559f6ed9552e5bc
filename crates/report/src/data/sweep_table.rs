//! Rows of a sweep, read from `table.csv`, or from the `accuracy.csv` of a run.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use csv::StringRecord;

use crate::data::voter::Voter;

/// Columns of every table. A sweep's table also has `point`; its axes are the columns between `point` and `seed`.
const SEED: &str = "seed";
const VOTER: &str = "voter";
const DOMAIN: &str = "domain";
const ACCURACY: &str = "accuracy";

/// Why a sweep's records cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepRecordsError {
    /// The folder holds no records of a sweep or a run.
    #[error(
        "{folder} has neither table.csv nor accuracy.csv; name the folder of a sweep or of a run, such as results/NAME"
    )]
    NoRecords {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// A file lacks a column, or a cell has another form.
    #[error("{path}{}: {message}", line.map_or_else(String::new, |line| format!(", line {line}")))]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1, if the error is in one line.
        line: Option<u64>,
        /// The content found and the content allowed.
        message: String,
    },
}

/// One row: a point, a seed, a voter and a domain.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The line of the file, from 1.
    pub(crate) line: u64,
    pub(crate) point: String,
    /// A value for each axis.
    pub(crate) values: Vec<String>,
    pub(crate) seed: String,
    /// `member-1`, ... or `ensemble`.
    pub(crate) voter: String,
    /// `float`, `integer` or `encrypted`.
    pub(crate) domain: String,
    /// A number for each measured column; absent if the cell is empty.
    pub(crate) numbers: Vec<Option<f64>>,
}

impl Row {
    /// The value of an axis.
    pub(crate) fn value(&self, axis: usize) -> &str {
        self.values.get(axis).map_or("", String::as_str)
    }

    /// The number in a measured column; absent if the cell is empty.
    pub(crate) fn number(&self, measure: usize) -> Option<f64> {
        self.numbers.get(measure).copied().flatten()
    }
}

/// The form of a file of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableForm {
    /// `table.csv` of a sweep: the axes are the columns between `point` and `seed`.
    Sweep,
    /// `accuracy.csv` of a run: the axes are `ensemble.split`, `ensemble.share` and `setting`.
    Run,
}

/// The rows of a file with the names of their columns.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SweepTable {
    /// Paths of the axes, in the order of the columns.
    pub(crate) axes: Vec<String>,
    /// Names of the measured columns.
    pub(crate) measures: Vec<String>,
    /// At least one row.
    pub(crate) rows: Vec<Row>,
}

impl SweepTable {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// If the file cannot be read, has no rows, lacks a column or has a column twice, or if a cell has another form.
    pub(crate) fn read(path: &Path, form: TableForm) -> Result<Self, SweepRecordsError> {
        let malformed = |line: Option<u64>, message: String| SweepRecordsError::Malformed {
            path: path.to_owned(),
            line,
            message,
        };
        let text =
            fs::read(path).map_err(|source| SweepRecordsError::Read { path: path.to_owned(), source })?;
        let mut reader = csv::Reader::from_reader(text.as_slice());
        let broken = |error: csv::Error| {
            let line = error.position().map(csv::Position::line);
            malformed(line, error.to_string())
        };
        let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
        let mut known = HashSet::new();
        if let Some(name) = header.iter().find(|name| !known.insert(*name)) {
            return Err(malformed(Some(1), format!("the column `{name}` appears twice")));
        }
        let columns = Columns::find(&header, form).map_err(|message| malformed(Some(1), message))?;
        let records: Vec<StringRecord> = reader.records().collect::<Result<_, _>>().map_err(broken)?;
        if records.is_empty() {
            return Err(malformed(
                None,
                "the file has no rows; evaluate at least one point first".to_owned(),
            ));
        }
        let is_number = |cell: &str| cell.is_empty() || cell.parse::<f64>().is_ok();
        let mut measured: Vec<(usize, String)> = Vec::new();
        for (column, name) in header.iter().enumerate().filter(|(column, _)| columns.is_measured(*column)) {
            let wrong = records.iter().find(|record| !is_number(cell(record, column)));
            match wrong {
                None => measured.push((column, name.clone())),
                // An unknown column with text is not a measurement.
                Some(_) if !KNOWN_MEASURES.contains(&name.as_str()) => {}
                Some(record) => {
                    let message = format!("`{}` in column `{name}` is not a number", cell(record, column));
                    return Err(malformed(line(record), message));
                }
            }
        }
        let (positions, measures): (Vec<usize>, Vec<String>) = measured.into_iter().unzip();
        let rows = records
            .iter()
            .map(|record| columns.row(record, &positions).map_err(|message| malformed(line(record), message)))
            .collect::<Result<_, _>>()?;
        Ok(Self { axes: columns.axis_names(&header), measures, rows })
    }
}

fn cell(record: &StringRecord, column: usize) -> &str {
    record.get(column).unwrap_or_default()
}

fn line(record: &StringRecord) -> Option<u64> {
    record.position().map(csv::Position::line)
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

/// Positions of the columns.
struct Columns {
    form: TableForm,
    /// Column of the point's name in a sweep.
    point: Option<usize>,
    /// Columns of the axes. In a run: split, lower share, upper share and setting.
    axes: Vec<usize>,
    seed: usize,
    voter: usize,
    domain: usize,
}

impl Columns {
    fn find(header: &[String], form: TableForm) -> Result<Self, String> {
        let find = |name: &str| {
            header
                .iter()
                .position(|column| column == name)
                .ok_or_else(|| format!("there is no column `{name}`; the columns are {}", header.join(", ")))
        };
        let (seed, voter, domain) = (find(SEED)?, find(VOTER)?, find(DOMAIN)?);
        find(ACCURACY)?;
        let (point, axes) = match form {
            TableForm::Sweep => {
                let point = find("point")?;
                if point > seed {
                    return Err(
                        "the column `point` must be before `seed`, with the axes between them".to_owned()
                    );
                }
                (Some(point), (point + 1..seed).collect::<Vec<_>>())
            }
            TableForm::Run => {
                let axes = ["split", "share_low", "share_high", "setting"];
                (None, axes.iter().map(|name| find(name)).collect::<Result<_, _>>()?)
            }
        };
        Ok(Self { form, point, axes, seed, voter, domain })
    }

    /// True if the column is none of the others.
    fn is_measured(&self, column: usize) -> bool {
        ![self.seed, self.voter, self.domain].contains(&column)
            && self.point != Some(column)
            && !self.axes.contains(&column)
    }

    fn axis_names(&self, header: &[String]) -> Vec<String> {
        match self.form {
            TableForm::Sweep => self.axes.iter().filter_map(|&column| header.get(column).cloned()).collect(),
            TableForm::Run => ["ensemble.split", "ensemble.share", "setting"].map(str::to_owned).to_vec(),
        }
    }

    fn row(&self, record: &StringRecord, measured: &[usize]) -> Result<Row, String> {
        let cell = |column: usize| cell(record, column);
        let texts: Vec<&str> = self.axes.iter().map(|&column| cell(column)).collect();
        let (point, values) = match (self.form, texts.as_slice()) {
            (TableForm::Run, [split, low, high, setting]) => {
                let share = if low == high { (*low).to_owned() } else { format!("{low}-{high}") };
                (format!("{split}-{setting}"), vec![(*split).to_owned(), share, (*setting).to_owned()])
            }
            _ => {
                let point = self.point.map_or_else(String::new, |column| cell(column).to_owned());
                (point, texts.into_iter().map(str::to_owned).collect())
            }
        };
        let (voter, domain) = (cell(self.voter), cell(self.domain));
        voter.parse::<Voter>().map_err(|error| error.to_string())?;
        if !["float", "integer", "encrypted"].contains(&domain) {
            return Err(format!("`{domain}` in column `{DOMAIN}` is not float, integer or encrypted"));
        }
        Ok(Row {
            line: line(record).unwrap_or(0),
            point,
            values,
            seed: cell(self.seed).to_owned(),
            voter: voter.to_owned(),
            domain: domain.to_owned(),
            numbers: measured.iter().map(|&column| cell(column).parse().ok()).collect(),
        })
    }
}
