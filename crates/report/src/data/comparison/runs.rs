//! Comparison of two runs, setting by setting.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use sottovoce_evaluate::records::AccuracyRow;

use crate::data::comparison::accuracy::{AxisValues, Observation};
use crate::data::comparison::error::CompareError;
use crate::data::comparison::fields::Fields;
use crate::data::comparison::result::{Comparison, FolderKind, TimeRatio};
use crate::data::comparison::{accuracy, fields};
use crate::data::layer_times::{LayerSeconds, LayerTimes};
use crate::data::paper_scope::PaperScope;
use crate::data::run_records::RunRecords;
use crate::data::statistics::summary::median;
use crate::data::values::{distinct, json_at};
use crate::data::voter::UnknownVoter;
use crate::data::wording::thousands;

/// One of the runs.
struct ComparedRun<'a> {
    folder: &'a Path,
    records: RunRecords,
    record: Value,
    observations: Vec<Observation>,
    /// Settings of `run.json` by axis values and seed.
    settings: BTreeMap<(AxisValues, u64), Value>,
}

impl<'a> ComparedRun<'a> {
    fn read(folder: &'a Path) -> Result<Self, CompareError> {
        let records = RunRecords::read(folder)
            .map_err(|source| CompareError::Run { path: folder.to_owned(), source })?;
        // The text was parsed before, so this does not fail.
        let text = records.facts.text.as_deref();
        let record: Value = text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        let observations = records
            .accuracy
            .iter()
            .map(observation)
            .collect::<Result<_, _>>()
            .map_err(|source| CompareError::Voter { path: folder.join("accuracy.csv"), source })?;
        let settings =
            records.facts.settings.iter().filter_map(|setting| Some((key(setting)?, setting.clone())));
        let settings = settings.collect();
        Ok(Self { folder, records, record, observations, settings })
    }

    /// Splits, shares and seeds of the run, for an error message.
    fn description(&self) -> String {
        let rows = &self.records.accuracy;
        let splits = distinct(rows.iter().map(|row| row.split.clone()));
        let shares = distinct(rows.iter().map(|row| share(row.share_low, row.share_high)));
        let seeds = distinct(rows.iter().map(|row| row.seed.to_string()));
        format!("{} at shares {} with seeds {}", splits.join(", "), shares.join(", "), seeds.join(", "))
    }

    fn layers(&self) -> Result<LayerTimes, CompareError> {
        LayerTimes::gather(&self.records.layers, &PaperScope::none())
            .map_err(|source| CompareError::Voter { path: self.folder.join("layers.csv"), source })
    }
}

/// A range as an axis value: `0.5-0.6`, or `0.5` if both ends are equal. Rounding errors of binary fractions are removed.
fn share(low: f64, high: f64) -> String {
    let text = |share: f64| format!("{}", (share * 1e6).round() / 1e6);
    let (low, high) = (text(low), text(high));
    if low == high { low } else { format!("{low}-{high}") }
}

fn axis_values(split: &str, low: f64, high: f64) -> AxisValues {
    AxisValues(vec![("split".to_owned(), split.to_owned()), ("share".to_owned(), share(low, high))])
}

fn observation(row: &AccuracyRow) -> Result<Observation, UnknownVoter> {
    Ok(Observation {
        axis_values: axis_values(&row.split, row.share_low, row.share_high),
        seed: row.seed,
        voter: row.voter.parse()?,
        domain: row.domain,
        images: row.images,
        correct: row.correct,
    })
}

/// Axis values and seed of a setting in `run.json`.
fn key(setting: &Value) -> Option<(AxisValues, u64)> {
    let setting = json_at(setting, "/setting");
    let (low, high) = (json_at(setting, "/share_low").as_f64()?, json_at(setting, "/share_high").as_f64()?);
    Some((axis_values(json_at(setting, "/split").as_str()?, low, high), json_at(setting, "/seed").as_u64()?))
}

/// Compares the runs in two folders.
pub(crate) fn compare_runs(first: &Path, second: &Path) -> Result<Comparison, CompareError> {
    let (first, second) = (ComparedRun::read(first)?, ComparedRun::read(second)?);
    let (differences, without_partner) = accuracy::differences(&first.observations, &second.observations);
    if differences.is_empty() {
        return Err(CompareError::NothingCommon {
            first: first.folder.to_owned(),
            first_places: first.description(),
            second: second.folder.to_owned(),
            second_places: second.description(),
        });
    }
    let config = |side: &ComparedRun<'_>| fields::toml_fields(side.records.config.as_deref());
    let provenance = [&first, &second].map(|side| fields::provenance(&side.record));
    Ok(Comparison {
        kind: FolderKind::Runs,
        folders: [&first, &second].map(|side| side.folder.display().to_string()),
        machines: [fields::machine(&provenance[0]), fields::machine(&provenance[1])],
        configuration: fields::field_differences(&config(&first), &config(&second)),
        parameters: fields::field_differences_in_pairs(&parameters(&first, &second)),
        provenance: fields::field_differences(&provenance[0], &provenance[1]),
        axes_apart: [Vec::new(), Vec::new()],
        same_images: fields::same_images(&first.record, &second.record),
        tests: accuracy::ensemble_tests(&differences),
        accuracy: differences,
        without_partner,
        times: times(&first, &second)?,
    })
}

/// Encryption parameters and evaluator of each common setting, without measured values.
fn parameters(first: &ComparedRun<'_>, second: &ComparedRun<'_>) -> Vec<(Fields, Fields)> {
    let of = |setting: &Value| {
        let mut found = Fields::new();
        fields::json_fields("", json_at(setting, "/parameters"), &mut found);
        fields::json_fields("evaluator", json_at(setting, "/evaluator"), &mut found);
        // Measured values differ from run to run.
        found.remove("noise_budget_bits");
        found.remove("noise_bits");
        found
    };
    common(first, second).map(|(one, other)| (of(one), of(other))).collect()
}

/// Settings of `run.json` that both runs have.
fn common<'a>(
    first: &'a ComparedRun<'_>,
    second: &'a ComparedRun<'_>,
) -> impl Iterator<Item = (&'a Value, &'a Value)> {
    first.settings.iter().filter_map(|(key, setting)| Some((setting, second.settings.get(key)?)))
}

fn times(first: &ComparedRun<'_>, second: &ComparedRun<'_>) -> Result<Vec<TimeRatio>, CompareError> {
    let mut found = Vec::new();
    let (ours, theirs) = (first.layers()?, second.layers()?);
    let all = |times: &LayerTimes| -> Vec<LayerSeconds> {
        times.layers.iter().chain([&times.sum]).cloned().collect()
    };
    let theirs = all(&theirs);
    for layer in all(&ours) {
        let partner = theirs.iter().find(|other| other.layer == layer.layer);
        if let (Some(one), Some(other)) = (layer.ensemble, partner.and_then(|other| other.ensemble)) {
            found.extend(TimeRatio::of(format!("{}, a batch", layer.layer), "s", one, other));
        }
    }
    let (ours, theirs): (Vec<f64>, Vec<f64>) = common(first, second)
        .filter_map(|(one, other)| {
            Some((json_at(one, "/seconds").as_f64()?, json_at(other, "/seconds").as_f64()?))
        })
        .unzip();
    let settings = ours.len();
    if let (Some(one), Some(other)) = (median(ours), median(theirs)) {
        let what = format!("evaluation of a setting, median of {settings} in both");
        found.extend(TimeRatio::of(what, "s", one, other));
    }
    if let (Some(one), Some(other)) =
        (first.records.facts.training_rate(), second.records.facts.training_rate())
    {
        found.extend(TimeRatio::of("training", "images/s", one, other));
    }
    let elapsed = |side: &ComparedRun<'_>, images: usize| {
        let rows = side.records.elapsed.iter().filter(|row| row.images == images);
        median(rows.map(|row| row.seconds))
    };
    for images in distinct(first.records.elapsed.iter().map(|row| row.images)) {
        if let (Some(one), Some(other)) = (elapsed(first, images), elapsed(second, images)) {
            let what = format!("{} images, from pixels to predictions", thousands(images as u64));
            found.extend(TimeRatio::of(what, "s", one, other));
        }
    }
    Ok(found)
}
