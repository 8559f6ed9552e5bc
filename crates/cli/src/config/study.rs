//! The points of a sweep: every combination of its axes' values, checked before the first one runs.

use std::collections::HashMap;

use serde::Serialize;
use sottovoce_dataset::{ShareRange, SplitMethod};
use sottovoce_network::disk::sha256;
use toml::{Table, Value};

use super::axis::{self, Axis, Group};
use super::setting_plan::{Baseline, SettingPlan};
use super::{Configuration, Experiment, Problem};

/// More points than this are a slip.
const MOST_POINTS: usize = 1_000_000;

/// Longest name of a point: file systems allow 255 bytes, and records add endings.
const LONGEST_NAME: usize = 120;

/// A sweep: its axes and their points.
#[derive(Debug, Clone, PartialEq)]
pub struct Study {
    pub name: String,
    /// The experiment that every point starts from.
    pub base: Experiment,
    /// The table `[sweep]` as it was written.
    pub sweep: Table,
    /// In groups that vary together.
    pub groups: Vec<Group>,
    pub points: Vec<Point>,
}

/// One combination of the axes' values.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The values that differ, such as `logit_bits=24,clip=0.5`; also the name of its folder.
    pub name: String,
    /// A value for each axis, as text.
    pub values: Vec<String>,
    /// One split and one range of shares, with every seed.
    pub experiment: Experiment,
    /// Which ensemble without a skewed split this is, where it is one.
    pub baseline: Option<Baseline>,
}

impl Point {
    /// The point with each of its seeds.
    ///
    /// # Errors
    /// If the labels cannot be grouped; checked points can.
    pub fn settings(&self) -> Result<Vec<SettingPlan>, sottovoce_dataset::SplitError> {
        match self.baseline {
            Some(baseline) => self.experiment.baseline_settings(baseline),
            None => self.experiment.settings(),
        }
    }
}

/// The axis that baselines are values of.
const SPLIT: &str = "ensemble.split";
const SHARE: &str = "ensemble.share";

impl Study {
    /// The sweep that a configuration describes: the lists of splits and of shares are axes, and so are those of `[sweep]`.
    ///
    /// # Errors
    /// If an axis makes no sense, or a point is no experiment.
    pub fn of(configuration: &Configuration) -> Result<Self, Problem> {
        let base = &configuration.experiment;
        let groups = all_groups(configuration)?;
        let count = groups.iter().try_fold(1_usize, |count, group| count.checked_mul(group[0].values.len()));
        let count = count.filter(|&count| count <= MOST_POINTS).ok_or_else(|| {
            configuration
                .sweep_problem(&[], format!("has more than {MOST_POINTS} points; leave out values or axes"))
        })?;
        let baselines = base.ensemble.baselines;
        let mut table = configuration.table.clone();
        let plain = |table: &mut Table| axis::put(table, "ensemble.baselines", Value::Boolean(false));
        plain(&mut table).map_err(|message| Problem::new(&configuration.origin, message))?;

        let mut points = Vec::new();
        let mut names = Names::new(&groups);
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
            sweep: configuration.sweep.clone(),
            groups,
            points,
        })
    }

    /// All axes, in the order of the records' columns.
    pub fn axes(&self) -> impl Iterator<Item = &Axis> {
        self.groups.iter().flatten()
    }

    /// The configuration as TOML, from which the same sweep is read.
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
        toml::to_string(&Written { experiment: &self.base, sweep: &self.sweep })
    }
}

/// The axes of `[sweep]`, behind those of the lists of splits and shares that it does not replace.
fn all_groups(configuration: &Configuration) -> Result<Vec<Group>, Problem> {
    let own = axis::groups(&configuration.sweep).map_err(|(path, message)| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        configuration.sweep_problem(&path, message)
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
    // Baselines are told from the points by their split.
    if !replaced(SPLIT) && (ensemble.splits.len() > 1 || ensemble.baselines) {
        groups.push(vec![Axis { path: SPLIT.to_owned(), values: lists("splits") }]);
    }
    if !replaced(SHARE) && ensemble.shares.len() > 1 {
        groups.push(vec![Axis { path: SHARE.to_owned(), values: lists("shares") }]);
    }
    if ensemble.baselines && !groups.iter().chain(&own).flatten().any(|axis| axis.path == SPLIT) {
        let message = "is true, but the splits are no axis of words (`ensemble.split`) that `single` and `balanced` could stand in";
        return Err(configuration.field_problem(&["ensemble", "baselines"], message));
    }
    groups.extend(own);
    Ok(groups)
}

/// A value for each axis of the combination `index`; the last group varies fastest.
fn combination(groups: &[Group], mut index: usize) -> Vec<(&str, Value)> {
    let mut choices = vec![0; groups.len()];
    for (choice, group) in choices.iter_mut().zip(groups).rev() {
        let length = group[0].values.len();
        *choice = index % length;
        index /= length;
    }
    let mut values = Vec::new();
    for (group, choice) in groups.iter().zip(choices) {
        values.extend(group.iter().map(|axis| (axis.path.as_str(), axis.values[choice].clone())));
    }
    values
}

fn point(
    configuration: &Configuration,
    table: &Table,
    groups: &[Group],
    values: &[(&str, Value)],
    baseline: Option<Baseline>,
    names: &mut Names,
) -> Result<Point, Problem> {
    let texts: Vec<String> = values.iter().map(|(path, value)| axis::text(path, value)).collect();
    let name = names.name(&texts);
    let mut table = table.clone();
    let mut read = || -> Result<Experiment, (Option<String>, String)> {
        for (path, value) in values {
            // A baseline has its own split and shares.
            if baseline.is_none() || !(*path == SPLIT || *path == SHARE) {
                axis::put(&mut table, path, value.clone())
                    .map_err(|message| (Some((*path).to_owned()), message))?;
            }
        }
        let mut experiment = configuration.experiment.point(std::mem::take(&mut table))?;
        if let Some(baseline) = baseline {
            let wrong = |error: sottovoce_dataset::SplitError| (None, error.to_string());
            experiment.ensemble.splits = vec![SplitMethod::Regular];
            let share = baseline.share(experiment.ensemble.members);
            experiment.ensemble.shares = vec![ShareRange::new(share, share).map_err(wrong)?];
        }
        Ok(experiment)
    };
    let experiment = read().map_err(|(field, message)| {
        // The axis whose field is at fault; where no axis is, the point says enough.
        let guilty = field.as_deref().and_then(|field| {
            let field = field.replace("ensemble.splits", SPLIT).replace("ensemble.shares", SHARE);
            values.iter().find(|(path, _)| path.starts_with(&field) || field.starts_with(path))
        });
        let guilty = guilty.or(match values {
            [only] => Some(only),
            _ => None,
        });
        match guilty {
            Some((path, value)) => {
                let value = axis::text(path, value);
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

/// For every combination of the other axes, the ensembles without a skewed split.
fn baseline_points(
    configuration: &Configuration,
    table: &Table,
    groups: &[Group],
    count: usize,
    names: &mut Names,
) -> Result<Vec<Point>, Problem> {
    let mut points = Vec::new();
    let mut seen: Vec<Vec<String>> = Vec::new();
    for index in 0..count {
        let mut values = combination(groups, index);
        let others: Vec<String> = values
            .iter()
            .filter(|(path, _)| *path != SPLIT && *path != SHARE)
            .map(|(path, value)| axis::text(path, value))
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

/// Names points by what differs.
struct Names {
    /// How each axis is called: the last part of its path, or all of it where another axis has the same.
    labels: Vec<String>,
    taken: HashMap<String, usize>,
}

impl Names {
    fn new(groups: &[Group]) -> Self {
        let paths: Vec<&str> = groups.iter().flatten().map(|axis| axis.path.as_str()).collect();
        let last = |path: &str| {
            // A place in a list says nothing without its list.
            let mut parts: Vec<&str> = path.rsplit('.').collect();
            let numbers = parts.iter().take_while(|part| part.parse::<usize>().is_ok()).count();
            parts.truncate(numbers + 1);
            parts.reverse();
            parts.join(".")
        };
        let lasts: Vec<String> = paths.iter().map(|path| last(path)).collect();
        let labels = lasts.iter().zip(&paths).map(|(name, path)| {
            let alone = lasts.iter().filter(|other| *other == name).count() == 1;
            if alone { name.clone() } else { (*path).to_owned() }
        });
        Self { labels: labels.collect(), taken: HashMap::new() }
    }

    fn name(&mut self, values: &[String]) -> String {
        if values.is_empty() {
            return "base".to_owned();
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let parts = self.labels.iter().zip(values).filter(|(_, value)| !value.is_empty());
        let mut name = parts
            .map(|(label, value)| format!("{label}={}", value.chars().map(plain).collect::<String>()))
            .collect::<Vec<_>>()
            .join(",");
        let exact = format!("{values:?}");
        if name.len() > LONGEST_NAME {
            name = format!("{}-{}", &name[..LONGEST_NAME - 13], &sha256(exact.as_bytes())[..12]);
        }
        // Two values may differ in what a name cannot show.
        let count = self.taken.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}-{count}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn study(sets: &[&str]) -> Study {
        let sets: Vec<String> = sets.iter().map(|set| (*set).to_owned()).collect();
        Study::of(&Configuration::load("paper", &sets).unwrap()).unwrap()
    }

    #[test]
    fn the_papers_splits_and_shares_are_axes_and_its_baselines_two_points_more() {
        let study = study(&[]);
        let paths: Vec<&str> = study.axes().map(|axis| axis.path.as_str()).collect();
        assert_eq!(paths, ["ensemble.split", "ensemble.share"]);
        assert_eq!(study.points.len(), 3 * 6 + 2);
        assert_eq!(study.points[0].name, "split=regular,share=0.5-0.6");
        assert_eq!(study.points[17].name, "split=random,share=0.95-0.99");
        assert_eq!(
            (study.points[18].name.as_str(), study.points[19].name.as_str()),
            ("split=single", "split=balanced")
        );
        // Every setting of `reproduce` is a unit of the sweep, divided in the same way.
        let settings = study.base.settings().unwrap();
        let units: Vec<SettingPlan> =
            study.points.iter().flat_map(|point| point.settings().unwrap()).collect();
        assert_eq!(units.len(), settings.len());
        for (unit, setting) in units.iter().zip(&settings) {
            assert_eq!((&unit.division, unit.setting.seed), (&setting.division, setting.setting.seed));
            assert_eq!(unit.setting.split, setting.setting.split);
        }
    }

    #[test]
    fn points_are_all_combinations_with_the_last_axis_fastest_and_one_value_each() {
        let study = study(&[
            "ensemble.baselines=false",
            "ensemble.split=likewise",
            "ensemble.share=[0.5, 0.6]",
            "sweep.training.clip=[0.5, 1.0]",
            "sweep.architecture.hidden=[50, 100]",
        ]);
        let names: Vec<&str> = study.points.iter().map(|point| point.name.as_str()).collect();
        assert_eq!(
            names,
            ["clip=0.5,hidden=50", "clip=0.5,hidden=100", "clip=1,hidden=50", "clip=1,hidden=100"]
        );
        assert_eq!(study.points[1].experiment.architecture.hidden, 100);
        assert_eq!(study.points[2].experiment.training.clip, 1.0);
        assert_eq!(study.points[0].experiment.ensemble.splits, [SplitMethod::Likewise]);
        // The written sweep is read as the same sweep.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("again.toml");
        std::fs::write(&path, study.to_toml().unwrap()).unwrap();
        let again = Study::of(&Configuration::load(path.to_str().unwrap(), &[]).unwrap()).unwrap();
        assert_eq!(again, study);
    }

    #[test]
    fn names_tell_points_apart_and_are_not_too_long() {
        let groups = vec![
            vec![Axis { path: "ensemble.split".to_owned(), values: Vec::new() }],
            vec![Axis { path: "training.largest_weights.1".to_owned(), values: Vec::new() }],
            vec![Axis { path: "data.name".to_owned(), values: Vec::new() }],
            vec![Axis { path: "x.name".to_owned(), values: Vec::new() }],
        ];
        let mut names = Names::new(&groups);
        let texts = |values: [&str; 4]| values.map(str::to_owned).to_vec();
        assert_eq!(
            names.name(&texts(["a", "3", "b", "c"])),
            "split=a,largest_weights.1=3,data.name=b,x.name=c"
        );
        assert_eq!(names.name(&texts(["a/b", "3", "", ""])), "split=a_b,largest_weights.1=3");
        assert_eq!(names.name(&texts(["a:b", "3", "", ""])), "split=a_b,largest_weights.1=3-2");
        assert!(names.name(&texts([&"long".repeat(100), "3", "b", "c"])).len() <= LONGEST_NAME);
    }
}
