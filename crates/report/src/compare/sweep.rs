//! Two sweeps, point by point on the axes that both have.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sottovoce_evaluate::records::Domain;

use super::accuracy::{self, Observation, Place};
use super::error::CompareError;
use super::fields;
use super::times::TimeRatio;
use super::{Comparison, Kind};
use crate::distinct::distinct;
use crate::statistics::summary::{Summary, median};
use crate::voter::Voter;

/// Times of `table.csv`: sums over all test batches of one point and seed.
const TIMES: [&str; 4] = ["training_seconds", "encryption_seconds", "provider_seconds", "decryption_seconds"];

/// One row of `table.csv`, as far as it is compared.
#[derive(Debug, Clone, PartialEq)]
struct Row {
    /// The axes' values, in the order of the columns.
    values: Vec<String>,
    seed: u64,
    voter: Voter,
    domain: Domain,
    images: usize,
    correct: usize,
    /// In the order of [`TIMES`].
    times: [Option<f64>; TIMES.len()],
}

/// One of the sweeps.
struct Side<'a> {
    folder: &'a Path,
    axes: Vec<String>,
    rows: Vec<Row>,
    config: Option<String>,
    record: Value,
}

impl<'a> Side<'a> {
    fn read(folder: &'a Path) -> Result<Self, CompareError> {
        let (axes, rows) = read_table(&folder.join("table.csv"))?;
        let path = folder.join("run.json");
        let record = match fs::read_to_string(&path) {
            Ok(text) => serde_json::from_str(&text)
                .map_err(|error| CompareError::Malformed { path, message: error.to_string() })?,
            // What it was made on is not known then.
            Err(_) => Value::Null,
        };
        let config = fs::read_to_string(folder.join("config.toml")).ok();
        Ok(Self { folder, axes, rows, config, record })
    }

    fn place(&self, row: &Row, common: &[String]) -> Place {
        let value = |axis: &String| {
            let column = self.axes.iter().position(|found| found == axis)?;
            Some((axis.clone(), row.values.get(column)?.clone()))
        };
        Place(common.iter().filter_map(value).collect())
    }

    /// Counts of each place, seed, voter and domain, added up over axes that are this sweep's alone.
    fn observations(&self, common: &[String]) -> Vec<Observation> {
        let mut found: Vec<Observation> = Vec::new();
        let mut at: BTreeMap<(Place, u64, Voter, &str), usize> = BTreeMap::new();
        for row in &self.rows {
            let place = self.place(row, common);
            let key = (place.clone(), row.seed, row.voter, domain_name(row.domain));
            let index = *at.entry(key).or_insert_with(|| {
                let Row { seed, voter, domain, .. } = *row;
                found.push(Observation { place, seed, voter, domain, images: 0, correct: 0 });
                found.len() - 1
            });
            found[index].images += row.images;
            found[index].correct += row.correct;
        }
        found
    }

    fn places(&self, common: &[String]) -> String {
        const SHOWN: usize = 6;
        let places = distinct(self.rows.iter().map(|row| self.place(row, common).text()));
        let seeds = distinct(self.rows.iter().map(|row| row.seed.to_string())).join(", ");
        let more = if places.len() > SHOWN { ", ..." } else { "" };
        let places: Vec<String> = places.into_iter().take(SHOWN).collect();
        format!("{}{more} with seeds {seeds}", places.join("; "))
    }

    /// Seconds of one kind at each place and seed: the mean over axes that are this sweep's alone. Rows of one point and seed
    /// repeat them.
    fn seconds(&self, common: &[String], kind: usize) -> BTreeMap<(Place, u64), f64> {
        let mut found: BTreeMap<(Place, u64), BTreeMap<&[String], f64>> = BTreeMap::new();
        for row in &self.rows {
            if let Some(seconds) = row.times[kind] {
                let of_place = found.entry((self.place(row, common), row.seed)).or_default();
                of_place.insert(&row.values, seconds);
            }
        }
        let mean = |points: BTreeMap<&[String], f64>| {
            Summary::of(&points.into_values().collect::<Vec<_>>()).map_or(0.0, |summary| summary.mean)
        };
        found.into_iter().map(|(key, points)| (key, mean(points))).collect()
    }
}

fn domain_name(domain: Domain) -> &'static str {
    match domain {
        Domain::Float => "float",
        Domain::Integer => "integer",
        Domain::Encrypted => "encrypted",
    }
}

/// Compares the sweeps in two folders.
pub(super) fn compare(first: &Path, second: &Path) -> Result<Comparison, CompareError> {
    let (first, second) = (Side::read(first)?, Side::read(second)?);
    let common: Vec<String> = first.axes.iter().filter(|axis| second.axes.contains(axis)).cloned().collect();
    let apart = |one: &Side<'_>, other: &Side<'_>| -> Vec<String> {
        one.axes.iter().filter(|axis| !other.axes.contains(axis)).cloned().collect()
    };
    let axes_apart = [apart(&first, &second), apart(&second, &first)];
    if common.is_empty() && axes_apart.iter().any(|axes| !axes.is_empty()) {
        let listed = |side: &Side<'_>| {
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
            first_places: first.places(&common),
            second: second.folder.to_owned(),
            second_places: second.places(&common),
        });
    }
    let config = |side: &Side<'_>| fields::toml_fields(side.config.as_deref());
    let provenance = [&first, &second].map(|side| fields::provenance(&side.record));
    Ok(Comparison {
        kind: Kind::Sweeps,
        folders: [&first, &second].map(|side| side.folder.display().to_string()),
        machines: [fields::machine(&provenance[0]), fields::machine(&provenance[1])],
        configuration: fields::differing(&config(&first), &config(&second)),
        parameters: Vec::new(),
        provenance: fields::differing(&provenance[0], &provenance[1]),
        axes_apart,
        same_images: fields::same_images(&first.record, &second.record),
        tests: accuracy::tests(&differences),
        accuracy: differences,
        without_partner,
        times: times(&first, &second, &common),
    })
}

/// Each kind of time at each common place: medians over the seeds that both have there.
fn times(first: &Side<'_>, second: &Side<'_>, common: &[String]) -> Vec<TimeRatio> {
    let mut found = Vec::new();
    for (kind, name) in TIMES.iter().enumerate() {
        let (ours, theirs) = (first.seconds(common, kind), second.seconds(common, kind));
        let mut places: BTreeMap<&Place, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
        for (key, one) in &ours {
            if let Some(other) = theirs.get(key) {
                let (ones, others) = places.entry(&key.0).or_default();
                ones.push(*one);
                others.push(*other);
            }
        }
        let name = name.trim_end_matches("_seconds");
        for place in distinct(first.rows.iter().map(|row| first.place(row, common))) {
            let Some((ones, others)) = places.remove(&place) else { continue };
            if let (Some(one), Some(other)) = (median(ones), median(others)) {
                found.extend(TimeRatio::of(format!("{name}, {}", place.text()), "s", one, other));
            }
        }
    }
    found
}

/// Axes and rows of a `table.csv`.
fn read_table(path: &Path) -> Result<(Vec<String>, Vec<Row>), CompareError> {
    let malformed = |message: String| CompareError::Malformed { path: PathBuf::from(path), message };
    let broken = |error: csv::Error| malformed(error.to_string());
    let mut reader = csv::Reader::from_path(path).map_err(broken)?;
    let header: Vec<String> = reader.headers().map_err(broken)?.iter().map(str::to_owned).collect();
    let column = |name: &str| {
        let found = header.iter().position(|column| column == name);
        found.ok_or_else(|| {
            malformed(format!("there is no column `{name}`; the columns are {}", header.join(", ")))
        })
    };
    let (point, seed) = (column("point")?, column("seed")?);
    let (voter, domain) = (column("voter")?, column("domain")?);
    let (images, correct) = (column("images")?, column("correct")?);
    let times = TIMES.map(|name| header.iter().position(|column| column == name));
    let axes = header.get(point + 1..seed).unwrap_or_default().to_vec();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(broken)?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |column: usize| record.get(column).unwrap_or_default();
        let wrong = |column: usize, expected: &str| {
            malformed(format!(
                "line {line}: `{}` in column `{}` is not {expected}",
                cell(column),
                header.get(column).map_or("", String::as_str)
            ))
        };
        let count = |column: usize| cell(column).parse().map_err(|_| wrong(column, "a whole number"));
        let number = |column: Option<usize>| match column {
            Some(column) if !cell(column).is_empty() => {
                cell(column).parse().map(Some).map_err(|_| wrong(column, "a number"))
            }
            _ => Ok(None),
        };
        let [training, encryption, provider, decryption] = times;
        rows.push(Row {
            values: (point + 1..seed).map(|column| axis_value(cell(column))).collect(),
            seed: cell(seed).parse().map_err(|_| wrong(seed, "a whole number"))?,
            voter: cell(voter)
                .parse()
                .map_err(|source| CompareError::Voter { path: PathBuf::from(path), source })?,
            domain: match cell(domain) {
                "float" => Domain::Float,
                "integer" => Domain::Integer,
                "encrypted" => Domain::Encrypted,
                _ => return Err(wrong(domain, "float, integer or encrypted")),
            },
            images: count(images)?,
            correct: count(correct)?,
            times: [number(training)?, number(encryption)?, number(provider)?, number(decryption)?],
        });
    }
    if rows.is_empty() {
        return Err(malformed("the file has no rows; run the sweep first".to_owned()));
    }
    Ok((axes, rows))
}

/// A value of an axis as it is compared: `24.0` is `24`.
fn axis_value(cell: &str) -> String {
    let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
    number.map_or_else(|| cell.to_owned(), |number| number.to_string())
}
