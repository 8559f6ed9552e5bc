//! Comparison of two sweeps, point by point on their common axes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;
use sottovoce_evaluate::records::Domain;

use crate::data::comparison::accuracy::{AxisValues, Observation};
use crate::data::comparison::error::CompareError;
use crate::data::comparison::result::{Comparison, FolderKind, TimeRatio};
use crate::data::comparison::{accuracy, fields};
use crate::data::statistics::summary::{Summary, median};
use crate::data::sweep_table::{self, SweepRecordsError, SweepTable, TableForm};
use crate::data::values::distinct;
use crate::data::voter::Voter;

/// Columns of `table.csv` with times: seconds of all test batches of one point and seed.
const TIMES: [&str; 4] = ["training_seconds", "encryption_seconds", "provider_seconds", "decryption_seconds"];

/// The compared cells of a row of `table.csv`.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    /// Values of the axes, in the order of the columns.
    values: Vec<String>,
    seed: u64,
    voter: Voter,
    domain: Domain,
    images: usize,
    correct: usize,
    /// Seconds in the order of [`TIMES`].
    times: [Option<f64>; TIMES.len()],
}

/// One of the sweeps.
struct ComparedSweep<'a> {
    folder: &'a Path,
    axes: Vec<String>,
    rows: Vec<Row>,
    config: Option<String>,
    record: Value,
}

impl<'a> ComparedSweep<'a> {
    fn read(folder: &'a Path) -> Result<Self, CompareError> {
        let path = folder.join("table.csv");
        let table = SweepTable::read(&path, TableForm::Sweep)?;
        let rows = compared_rows(&table, &path)?;
        let path = folder.join("run.json");
        let record = match fs::read_to_string(&path) {
            Ok(text) => {
                serde_json::from_str(&text).map_err(|source| CompareError::RunFile { path, source })?
            }
            // The machine and the data set are unknown then.
            Err(_) => Value::Null,
        };
        let config = fs::read_to_string(folder.join("config.toml")).ok();
        Ok(Self { folder, axes: table.axes, rows, config, record })
    }

    fn axis_values(&self, row: &Row, common: &[String]) -> AxisValues {
        let value = |axis: &String| {
            let column = self.axes.iter().position(|found| found == axis)?;
            Some((axis.clone(), row.values.get(column)?.clone()))
        };
        AxisValues(common.iter().filter_map(value).collect())
    }

    /// Counts of each voter, seed, domain and combination of common axis values, added up over the other axes.
    fn observations(&self, common: &[String]) -> Vec<Observation> {
        let mut found: Vec<Observation> = Vec::new();
        let mut positions: BTreeMap<(AxisValues, u64, Voter, u8), usize> = BTreeMap::new();
        for row in &self.rows {
            let Row { seed, voter, domain, images, correct, .. } = *row;
            let axis_values = self.axis_values(row, common);
            let key = (axis_values.clone(), seed, voter, domain as u8);
            match positions.get(&key).and_then(|&position| found.get_mut(position)) {
                Some(observation) => {
                    observation.images += images;
                    observation.correct += correct;
                }
                None => {
                    positions.insert(key, found.len());
                    found.push(Observation { axis_values, seed, voter, domain, images, correct });
                }
            }
        }
        found
    }

    fn description(&self, common: &[String]) -> String {
        const SHOWN: usize = 6;
        let places = distinct(self.rows.iter().map(|row| self.axis_values(row, common).text()));
        let seeds = distinct(self.rows.iter().map(|row| row.seed.to_string())).join(", ");
        let more = if places.len() > SHOWN { ", ..." } else { "" };
        let places: Vec<String> = places.into_iter().take(SHOWN).collect();
        format!("{}{more} with seeds {seeds}", places.join("; "))
    }

    /// Seconds of one kind for each combination of common axis values and seed: the mean over the other axes. All rows of one
    /// point and seed hold the same seconds.
    fn seconds(&self, common: &[String], kind: usize) -> BTreeMap<(AxisValues, u64), f64> {
        let mut found: BTreeMap<(AxisValues, u64), BTreeMap<&[String], f64>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(seconds) = row.times.get(kind).copied().flatten() {
                let of_place = found.entry((self.axis_values(row, common), row.seed)).or_default();
                of_place.insert(&row.values, seconds);
            }
        }
        let mean = |points: BTreeMap<&[String], f64>| {
            Summary::of(&points.into_values().collect::<Vec<_>>()).map_or(0.0, |summary| summary.mean)
        };
        found.into_iter().map(|(key, points)| (key, mean(points))).collect()
    }
}

const DOMAINS: [(&str, Domain); 3] =
    [("float", Domain::Float), ("integer", Domain::Integer), ("encrypted", Domain::Encrypted)];

fn domain_named(name: &str) -> Option<Domain> {
    DOMAINS.iter().find(|(other, _)| *other == name).map(|(_, domain)| *domain)
}

/// Compares the sweeps in two folders.
pub(crate) fn compare_sweeps(first: &Path, second: &Path) -> Result<Comparison, CompareError> {
    let (first, second) = (ComparedSweep::read(first)?, ComparedSweep::read(second)?);
    let common: Vec<String> = first.axes.iter().filter(|axis| second.axes.contains(axis)).cloned().collect();
    let apart = |one: &ComparedSweep<'_>, other: &ComparedSweep<'_>| -> Vec<String> {
        one.axes.iter().filter(|axis| !other.axes.contains(axis)).cloned().collect()
    };
    let axes_apart = [apart(&first, &second), apart(&second, &first)];
    if common.is_empty() && axes_apart.iter().any(|axes| !axes.is_empty()) {
        let listed = |side: &ComparedSweep<'_>| {
            if side.axes.is_empty() { "none".to_owned() } else { side.axes.join(", ") }
        };
        return Err(CompareError::NoCommonAxis {
            first: first.folder.to_owned(),
            first_axes: listed(&first),
            second: second.folder.to_owned(),
            second_axes: listed(&second),
        });
    }
    let (differences, without_partner) =
        accuracy::differences(&first.observations(&common), &second.observations(&common));
    if differences.is_empty() {
        return Err(CompareError::NothingCommon {
            first: first.folder.to_owned(),
            first_places: first.description(&common),
            second: second.folder.to_owned(),
            second_places: second.description(&common),
        });
    }
    let config = |side: &ComparedSweep<'_>| fields::toml_fields(side.config.as_deref());
    let provenance = [&first, &second].map(|side| fields::provenance(&side.record));
    Ok(Comparison {
        kind: FolderKind::Sweeps,
        folders: [&first, &second].map(|side| side.folder.display().to_string()),
        machines: [fields::machine(&provenance[0]), fields::machine(&provenance[1])],
        configuration: fields::field_differences(&config(&first), &config(&second)),
        parameters: Vec::new(),
        provenance: fields::field_differences(&provenance[0], &provenance[1]),
        axes_apart,
        same_images: fields::same_images(&first.record, &second.record),
        tests: accuracy::ensemble_tests(&differences),
        accuracy: differences,
        without_partner,
        times: times(&first, &second, &common),
    })
}

/// Each kind of time at each common combination of axis values: medians over the common seeds.
fn times(first: &ComparedSweep<'_>, second: &ComparedSweep<'_>, common: &[String]) -> Vec<TimeRatio> {
    let mut found = Vec::new();
    for (kind, name) in TIMES.iter().enumerate() {
        let (ours, theirs) = (first.seconds(common, kind), second.seconds(common, kind));
        let mut places: BTreeMap<&AxisValues, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for (key, one) in &ours {
            if let Some(other) = theirs.get(key) {
                let (ones, others) = places.entry(&key.0).or_default();
                ones.push(*one);
                others.push(*other);
            }
        }
        let name = name.trim_end_matches("_seconds");
        for place in distinct(first.rows.iter().map(|row| first.axis_values(row, common))) {
            let Some((ones, others)) = places.remove(&place) else { continue };
            if let (Some(one), Some(other)) = (median(ones), median(others)) {
                found.extend(TimeRatio::of(format!("{name}, {}", place.text()), "s", one, other));
            }
        }
    }
    found
}

/// Extracts the compared cells of all rows.
fn compared_rows(table: &SweepTable, path: &Path) -> Result<Vec<Row>, CompareError> {
    let malformed = |line: Option<u64>, message: String| {
        CompareError::Sweep(SweepRecordsError::Malformed { path: path.to_owned(), line, message })
    };
    let column = |name: &str| table.measures.iter().position(|measure| measure == name);
    let required =
        |name: &str| column(name).ok_or_else(|| malformed(Some(1), format!("there is no column `{name}`")));
    let (images, correct) = (required("images")?, required("correct")?);
    let times = TIMES.map(column);
    let row = |row: &sweep_table::Row| {
        let count = |column: usize, name: &str| {
            // Counts of images are far below 2^53, so that they are exact.
            let whole = row.number(column).filter(|number| *number >= 0.0 && number.fract() == 0.0);
            whole.map(|number| number as usize).ok_or_else(|| {
                malformed(Some(row.line), format!("column `{name}` does not hold a whole number"))
            })
        };
        Ok(Row {
            values: row.values.iter().map(|value| axis_value(value)).collect(),
            seed: row.seed.parse().map_err(|_| {
                malformed(Some(row.line), format!("`{}` in column `seed` is not a whole number", row.seed))
            })?,
            voter: row
                .voter
                .parse()
                .map_err(|source| CompareError::Voter { path: path.to_owned(), source })?,
            domain: domain_named(&row.domain).ok_or_else(|| {
                malformed(
                    Some(row.line),
                    format!("`{}` in column `domain` is not float, integer or encrypted", row.domain),
                )
            })?,
            images: count(images, "images")?,
            correct: count(correct, "correct")?,
            times: times.map(|column| row.number(column?)),
        })
    };
    table.rows.iter().map(row).collect()
}

/// Normalises a number: `24.0` is `24`. Other values stay as they are.
fn axis_value(cell: &str) -> String {
    let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or_else(|| cell.to_owned(), |number| number.to_string())
}
