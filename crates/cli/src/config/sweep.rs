//! The points of a sweep: every combination of its axes' values, checked before the first one runs.

use serde::Serialize;
use sottovoce_dataset::{ShareRange, SplitMethod};
use toml::{Table, Value};

use super::axis::{self, Axis, Group, group_length, set_field, value_text};
use super::configuration::{Configuration, PointMistake, read_point};
use super::experiment::Experiment;
use super::point_names::PointNames;
use super::setting::{Baseline, SeededSetting, baseline_settings, settings};
use crate::config_error::Problem;

/// Largest number of points; more come from a mistake.
const MAX_POINTS: usize = 1_000_000;

/// A sweep: its axes and their points.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepConfig {
    pub name: String,
    /// The experiment that every point starts from.
    pub base: Experiment,
    /// The table `[sweep]` as it was written.
    pub sweep_table: Table,
    /// The axes, in groups that vary together.
    pub groups: Vec<Group>,
    pub points: Vec<Point>,
}

/// One combination of the axes' values.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The values that differ, such as `logit_bits=24,clip=0.5`; also the name of the point's folder.
    pub name: String,
    /// A value for each axis, as text.
    pub values: Vec<String>,
    /// An experiment with one split and one range of shares, with every seed.
    pub experiment: Experiment,
    /// Set if the point is an ensemble without a skewed split.
    pub baseline: Option<Baseline>,
}

impl Point {
    /// The settings of the point, one for each seed.
    ///
    /// # Errors
    /// If the labels cannot be grouped for the members; a checked point's can.
    pub fn settings(&self) -> Result<Vec<SeededSetting>, sottovoce_dataset::SplitError> {
        match self.baseline {
            Some(baseline) => baseline_settings(&self.experiment, baseline),
            None => settings(&self.experiment),
        }
    }
}

/// The axis of splits, in which a baseline stands as a word.
const SPLIT: &str = "ensemble.split";
/// The axis of share ranges, which a baseline has no value of.
const SHARE: &str = "ensemble.share";

impl SweepConfig {
    /// The sweep that a configuration describes. Its axes are the lists of splits and of shares, and those of `[sweep]`.
    ///
    /// # Errors
    /// If an axis makes no sense, there are more than a million points, or a point is not a valid experiment.
    pub fn of(configuration: &Configuration) -> Result<Self, Problem> {
        let base = &configuration.experiment;
        let groups = all_groups(configuration)?;
        let count = groups.iter().try_fold(1_usize, |count, group| count.checked_mul(group_length(group)));
        let count = count.filter(|&count| count <= MAX_POINTS).ok_or_else(|| {
            configuration
                .sweep_problem(&[], format!("has more than {MAX_POINTS} points; leave out values or axes"))
        })?;
        let baselines = base.ensemble.baselines;
        let mut table = configuration.table.clone();
        set_field(&mut table, "ensemble.baselines", Value::Boolean(false))
            .map_err(|message| Problem::new(&configuration.origin, message))?;

        let mut points = Vec::new();
        let mut names = PointNames::new(&groups);
        for index in 0..count {
            let values = combination(&groups, index);
            points.push(point(configuration, &table, &groups, &values, None, &mut names)?);
        }
        if baselines {
            points.extend(baseline_points(configuration, &table, &groups, count, &mut names)?);
        }
        Ok(Self {
            name: base.name.clone(),
            base: base.clone(),
            sweep_table: configuration.sweep.clone(),
            groups,
            points,
        })
    }

    /// All axes, in the order of the columns in records.
    pub fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.groups.iter().flatten()
    }

    /// Writes the configuration as TOML; reading the text gives the same sweep.
    ///
    /// # Errors
    /// If it cannot be written as TOML.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            experiment: &'a Experiment,
            #[serde(skip_serializing_if = "Table::is_empty")]
            sweep: &'a Table,
        }
        toml::to_string(&Written { experiment: &self.base, sweep: &self.sweep_table })
    }
}

/// The axes of the lists of splits and shares, as far as `[sweep]` does not replace them, followed by the axes of `[sweep]`.
fn all_groups(configuration: &Configuration) -> Result<Vec<Group>, Problem> {
    let own = axis::groups(&configuration.sweep).map_err(|error| {
        let path: Vec<&str> = error.path.iter().map(String::as_str).collect();
        configuration.sweep_problem(&path, error.message)
    })?;
    let replaced = |path: &str| {
        own.iter().flatten().any(|axis| axis.path == path || axis.path.starts_with(&format!("{path}.")))
    };
    let ensemble = &configuration.experiment.ensemble;
    let lists = |name: &str| match configuration.table.get("ensemble").and_then(|table| table.get(name)) {
        Some(Value::Array(values)) => values.clone(),
        _ => Vec::new(),
    };
    let mut groups = Vec::new();
    // With baselines there is always an axis of splits: a baseline is one of its values.
    if !replaced(SPLIT) && (ensemble.splits.len() > 1 || ensemble.baselines) {
        groups.push(vec![Axis { path: SPLIT.to_owned(), values: lists("splits") }]);
    }
    if !replaced(SHARE) && ensemble.shares.len() > 1 {
        groups.push(vec![Axis { path: SHARE.to_owned(), values: lists("shares") }]);
    }
    if ensemble.baselines && !groups.iter().chain(&own).flatten().any(|axis| axis.path == SPLIT) {
        let message = "is true, but `ensemble.split` is not an axis of words, to which `single` and `balanced` could be added";
        return Err(configuration.field_problem(&["ensemble", "baselines"], message));
    }
    groups.extend(own);
    Ok(groups)
}

/// A value for each axis, for the combination with the number `index`; the last group varies fastest.
fn combination(groups: &[Group], mut index: usize) -> Vec<(&str, Value)> {
    let mut chosen = Vec::new();
    for group in groups.iter().rev() {
        let length = group_length(group).max(1);
        chosen.push((group, index % length));
        index /= length;
    }
    let mut values = Vec::new();
    for (group, choice) in chosen.into_iter().rev() {
        let value = |axis: &Axis| axis.values.get(choice).cloned();
        values.extend(group.iter().filter_map(|axis| Some((axis.path.as_str(), value(axis)?))));
    }
    values
}

/// Reads and checks the point with a value for each axis.
fn point(
    configuration: &Configuration,
    table: &Table,
    groups: &[Group],
    values: &[(&str, Value)],
    baseline: Option<Baseline>,
    names: &mut PointNames,
) -> Result<Point, Problem> {
    let texts: Vec<String> = values.iter().map(|(path, value)| value_text(path, value)).collect();
    let name = names.next_name(&texts);
    let mut table = table.clone();
    let mut read = || -> Result<Experiment, PointMistake> {
        for (path, value) in values {
            // A baseline has its own split and shares.
            if baseline.is_none() || !(*path == SPLIT || *path == SHARE) {
                set_field(&mut table, path, value.clone())
                    .map_err(|message| PointMistake { field: Some((*path).to_owned()), message })?;
            }
        }
        let mut experiment = read_point(&configuration.experiment, std::mem::take(&mut table))?;
        if let Some(baseline) = baseline {
            let wrong = |error: sottovoce_dataset::SplitError| PointMistake {
                field: None,
                message: error.to_string(),
            };
            experiment.ensemble.splits = vec![SplitMethod::Regular];
            let share = baseline.share(experiment.ensemble.members);
            experiment.ensemble.shares = vec![ShareRange::new(share, share).map_err(wrong)?];
        }
        Ok(experiment)
    };
    let experiment = read().map_err(|PointMistake { field, message }| {
        // The axis whose field is at fault, if one is.
        let at_fault = field.as_deref().and_then(|field| {
            let field = field.replace("ensemble.splits", SPLIT).replace("ensemble.shares", SHARE);
            values.iter().find(|(path, _)| path.starts_with(&field) || field.starts_with(path))
        });
        let at_fault = at_fault.or(match values {
            [only] => Some(only),
            _ => None,
        });
        match at_fault {
            Some((path, value)) => {
                let value = value_text(path, value);
                let message = format!("cannot be {value} at the point {name}: {message}");
                configuration.axis_problem(groups, path, message)
            }
            None => {
                configuration.sweep_problem(&[], format!("has the point {name}, which cannot run: {message}"))
            }
        }
    })?;
    Ok(Point { name, values: texts, experiment, baseline })
}

/// The baselines for every combination of values on the axes other than split and share; `count` is the number of all combinations.
fn baseline_points(
    configuration: &Configuration,
    table: &Table,
    groups: &[Group],
    count: usize,
    names: &mut PointNames,
) -> Result<Vec<Point>, Problem> {
    let mut points = Vec::new();
    let mut seen: Vec<Vec<String>> = Vec::new();
    for index in 0..count {
        let mut values = combination(groups, index);
        let others: Vec<String> = values
            .iter()
            .filter(|(path, _)| *path != SPLIT && *path != SHARE)
            .map(|(path, value)| value_text(path, value))
            .collect();
        if seen.contains(&others) {
            continue;
        }
        seen.push(others);
        for baseline in Baseline::ALL {
            for (path, value) in &mut values {
                if *path == SPLIT {
                    *value = Value::String(baseline.name().to_owned());
                } else if *path == SHARE {
                    *value = Value::String(String::new());
                }
            }
            points.push(point(configuration, table, groups, &values, Some(baseline), names)?);
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(sets: &[&str]) -> SweepConfig {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        SweepConfig::of(&Configuration::load("paper", &sets).unwrap()).unwrap()
    }

    #[test]
    fn the_papers_splits_and_shares_are_axes_and_its_baselines_two_points_more() {
        let sweep = sweep(&[]);
        let paths: Vec<&str> = sweep.axes().map(|axis| axis.path.as_str()).collect();
        assert_eq!(paths, ["ensemble.split", "ensemble.share"]);
        assert_eq!(sweep.points.len(), 3 * 6 + 2);
        assert_eq!(sweep.points[0].name, "split=regular,share=0.5-0.6");
        assert_eq!(sweep.points[17].name, "split=random,share=0.95-0.99");
        assert_eq!(
            (sweep.points[18].name.as_str(), sweep.points[19].name.as_str()),
            ("split=single", "split=balanced")
        );
        // Every setting of `reproduce` is a unit of the sweep, divided in the same way.
        let all = settings(&sweep.base).unwrap();
        let units: Vec<SeededSetting> =
            sweep.points.iter().flat_map(|point| point.settings().unwrap()).collect();
        assert_eq!(units.len(), all.len());
        for (unit, setting) in units.iter().zip(&all) {
            assert_eq!((&unit.division, unit.id.seed), (&setting.division, setting.id.seed));
            assert_eq!(unit.id.split, setting.id.split);
        }
    }

    #[test]
    fn points_are_all_combinations_with_the_last_axis_fastest_and_one_value_each() {
        let sweep = sweep(&[
            "ensemble.baselines=false",
            "ensemble.split=likewise",
            "ensemble.share=[0.5, 0.6]",
            "sweep.training.clip=[0.5, 1.0]",
            "sweep.architecture.hidden=[50, 100]",
        ]);
        let names: Vec<&str> = sweep.points.iter().map(|point| point.name.as_str()).collect();
        assert_eq!(
            names,
            ["clip=0.5,hidden=50", "clip=0.5,hidden=100", "clip=1,hidden=50", "clip=1,hidden=100"]
        );
        assert_eq!(sweep.points[1].experiment.architecture.hidden, 100);
        assert_eq!(sweep.points[2].experiment.training.clip, 1.0);
        assert_eq!(sweep.points[0].experiment.ensemble.splits, [SplitMethod::Likewise]);
        // The written sweep is read as the same sweep.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("again.toml");
        std::fs::write(&path, sweep.to_toml().unwrap()).unwrap();
        let again = SweepConfig::of(&Configuration::load(path.to_str().unwrap(), &[]).unwrap()).unwrap();
        assert_eq!(again, sweep);
    }
}
