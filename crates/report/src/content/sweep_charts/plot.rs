//! Numbers and texts of a sweep chart: rows of the records, grouped and averaged.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::content::sweep_charts::error::SweepChartError;
use crate::content::sweep_charts::query::{
    ChartKind, ChartQuery, Dimension, HorizontalAxis, ResolvedQuery, join_values, last_component,
};
use crate::data::baseline::Baseline;
use crate::data::statistics::summary::Estimate;
use crate::data::sweep_records::SweepRecords;
use crate::data::sweep_table::Row;
use crate::data::values::{distinct_in_order, number};
use crate::data::voter::Voter;
use crate::data::wording::counted;
use crate::drawing::axis::Bounds;

/// Largest number of series that can be told apart by shape and colour.
const MAX_SERIES: usize = 12;
const MAX_PANELS: usize = 24;

/// One mark of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    /// Value on the horizontal axis, in the unit of the axis. On an axis of categories: the number of the category, from 0.
    pub(crate) x: f64,
    /// Value on the vertical axis, in the unit of the axis.
    pub(crate) y: Estimate,
    /// Axis values of the mark.
    pub(crate) name: String,
    /// True if no mark at the same or lower cost is better. Set only for frontiers.
    pub(crate) best: bool,
}

/// Marks of one value of the series axis, from left to right.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) marks: Vec<Mark>,
}

/// A panel for one value of the facet axis. All panels have the same series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Panel {
    pub(crate) name: String,
    pub(crate) series: Vec<Series>,
}

/// Kind of the horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Positions {
    Numbers { logarithmic: bool },
    Categories(Vec<String>),
}

/// Label and unit of an axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AxisTitle {
    pub(crate) label: String,
    pub(crate) unit: &'static str,
}

impl AxisTitle {
    /// Text of the title: `Test accuracy, %`.
    pub(crate) fn text(&self) -> String {
        if self.unit.is_empty() { self.label.clone() } else { format!("{}, {}", self.label, self.unit) }
    }
}

/// Numbers and texts of a chart.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PlotData {
    pub(crate) kind: ChartKind,
    pub(crate) x: AxisTitle,
    pub(crate) y: AxisTitle,
    pub(crate) positions: Positions,
    pub(crate) y_bounds: Bounds,
    pub(crate) log_y: bool,
    /// Name of the series axis, if there is one.
    pub(crate) series: Option<String>,
    /// True if the series are voters.
    pub(crate) series_are_voters: bool,
    pub(crate) panels: Vec<Panel>,
    pub(crate) title: String,
    /// Sentences that describe the chart.
    pub(crate) description: String,
    /// Remarks on records that are not drawn.
    pub(crate) remarks: Vec<String>,
    /// True if lines join the marks of a series.
    pub(crate) joined: bool,
    /// Smallest and largest number of seeds of a mark.
    pub(crate) seeds: (usize, usize),
}

/// Identifies a mark: number of the panel, number of the series, and value on the horizontal axis or name of the point.
type MarkKey = (usize, usize, String);

/// The values that a row contributes to a mark.
struct Sample {
    seed: String,
    /// Values of the axes that the chart does not show.
    rest: Vec<String>,
    x: Option<f64>,
    y: f64,
}

impl PlotData {
    /// Computes the marks of the chart that `query` asks for.
    pub(crate) fn gather(records: &SweepRecords, query: &ChartQuery) -> Result<Self, SweepChartError> {
        let question = ResolvedQuery::resolve(query, records)?;
        let mut remarks = Vec::new();
        let rows = select(records, &question, &mut remarks)?;
        let names = |dimension: Option<Dimension>| -> Vec<&str> {
            dimension.map_or_else(|| vec![""], |dimension| in_voter_order(dimension, &rows))
        };
        let (facets, series) = (names(question.facet), names(question.series));
        refuse_too_many(records, &question, facets.len(), series.len())?;

        let free: Vec<usize> =
            (0..records.axes.len()).filter(|&axis| !question.shows(Dimension::Axis(axis))).collect();
        let varied: Vec<usize> =
            free.iter().copied().filter(|&axis| records.values_of(axis).len() > 1).collect();
        let mut samples: BTreeMap<MarkKey, Vec<Sample>> = BTreeMap::new();
        let mut unknown = 0;
        for row in &rows {
            let index = |names: &[&str], dimension: Option<Dimension>| {
                dimension.map_or(0, |d| names.iter().position(|name| *name == d.value(row)).unwrap_or(0))
            };
            let x = match &question.x {
                HorizontalAxis::Dimension(_) => Some(None),
                HorizontalAxis::Measured(quantity) => {
                    quantity.value(row).filter(|value| value.is_finite()).map(Some)
                }
            };
            let (Some(x), Some(y)) = (x, question.y.value(row).filter(|value| value.is_finite())) else {
                unknown += 1;
                continue;
            };
            let key = match &question.x {
                HorizontalAxis::Dimension(dimension) => dimension.value(row).to_owned(),
                HorizontalAxis::Measured(_) => point_name(records, row, &varied),
            };
            let place = (index(&facets, question.facet), index(&series, question.series), key);
            let rest = free.iter().map(|&axis| row.values.get(axis).cloned().unwrap_or_default()).collect();
            samples.entry(place).or_default().push(Sample { seed: row.seed.clone(), rest, x, y });
        }
        if samples.is_empty() {
            return Err(SweepChartError::Query(format!(
                "nothing can be drawn: {} of {} matching {} has no number in {}",
                unknown,
                rows.len(),
                if rows.len() == 1 { "row" } else { "rows" },
                columns_of(&question).join(" or ")
            )));
        }
        if unknown > 0 {
            let rows = counted(unknown, "row has", "rows have");
            let columns = columns_of(&question).join(" or ");
            remarks.push(format!("{rows} no number in {columns} and left no mark."));
        }
        let averaged = match &question.x {
            HorizontalAxis::Dimension(_) => {
                reconcile(records, &free, &mut samples, query.average, &mut remarks)?
            }
            // Each point has its own mark.
            HorizontalAxis::Measured(_) => Vec::new(),
        };
        Self::assemble(records, query, &question, &free, (facets, series), samples, averaged, remarks)
    }

    #[allow(clippy::too_many_arguments)]
    fn assemble(
        records: &SweepRecords,
        query: &ChartQuery,
        question: &ResolvedQuery,
        free: &[usize],
        (facets, series): (Vec<&str>, Vec<&str>),
        samples: BTreeMap<MarkKey, Vec<Sample>>,
        averaged: Vec<usize>,
        remarks: Vec<String>,
    ) -> Result<Self, SweepChartError> {
        let keys = distinct_in_order(samples.keys().map(|(_, _, key)| key.as_str()));
        let keys: Vec<&str> = match &question.x {
            // The order of the sweep, which the map does not keep.
            HorizontalAxis::Dimension(dimension) => distinct_in_order(
                records.rows.iter().map(|row| dimension.value(row)).filter(|value| keys.contains(value)),
            ),
            HorizontalAxis::Measured(_) => keys,
        };
        let largest = |values: &mut dyn Iterator<Item = f64>| values.fold(0.0, f64::max);
        let all = || samples.values().flatten();
        let (y_unit, y_factor) = question.y.unit(largest(&mut all().map(|sample| sample.y)));
        let (x_label, x_unit, x_factor, positions) = match &question.x {
            HorizontalAxis::Measured(quantity) => {
                let (unit, factor) = quantity.unit(largest(&mut all().filter_map(|sample| sample.x)));
                let label = quantity.label(domain_of(question));
                (label, unit, factor, Positions::Numbers { logarithmic: query.log_x })
            }
            HorizontalAxis::Dimension(dimension) => {
                let numeric = keys.iter().all(|key| number(key).is_some());
                if query.log_x && !numeric {
                    let name = dimension.name(records);
                    return Err(SweepChartError::Query(format!(
                        "--log-x needs numbers, but the values of {name} are {}",
                        join_values(&keys)
                    )));
                }
                let positions = if numeric {
                    Positions::Numbers { logarithmic: query.log_x }
                } else {
                    Positions::Categories(keys.iter().map(|key| (*key).to_owned()).collect())
                };
                (dimension.name(records).to_owned(), "", 1.0, positions)
            }
        };
        let positions = if question.kind == ChartKind::Heat {
            Positions::Categories(keys.iter().map(|key| (*key).to_owned()).collect())
        } else {
            positions
        };

        let mut panels: Vec<Panel> = facets
            .iter()
            .map(|facet| Panel {
                name: facet_name(records, question.facet, facet),
                series: series
                    .iter()
                    .map(|name| Series { name: (*name).to_owned(), marks: Vec::new() })
                    .collect(),
            })
            .collect();
        for ((facet, series, key), samples) in &samples {
            let Some(y) = Estimate::of(&by_seed(samples, |sample| Some(sample.y))) else { continue };
            let x = match &question.x {
                HorizontalAxis::Measured(_) => {
                    Estimate::of(&by_seed(samples, |sample| sample.x)).map(|x| x.mean)
                }
                HorizontalAxis::Dimension(_) if matches!(positions, Positions::Categories(_)) => {
                    keys.iter().position(|other| other == key).map(|index| index as f64)
                }
                HorizontalAxis::Dimension(_) => number(key),
            };
            let (Some(x), Some(panel)) = (x, panels.get_mut(*facet)) else { continue };
            if let Some(series) = panel.series.get_mut(*series) {
                let mark = Mark { x: x * x_factor, y: y.times(y_factor), name: key.clone(), best: false };
                series.marks.push(mark);
            }
        }
        for series in panels.iter_mut().flat_map(|panel| &mut panel.series) {
            series.marks.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.name.cmp(&b.name)));
            if question.kind == ChartKind::Frontier {
                mark_best(&mut series.marks, question.y.larger_is_better());
            }
        }
        let marks = || panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.marks);
        let distinct_x = marks().map(|mark| mark.x.to_bits()).collect::<BTreeSet<_>>().len();
        check_drawable(question, query, distinct_x, marks().count(), &keys)?;
        check_logarithms(query, &panels)?;

        let seeds = marks().map(|mark| mark.y.n);
        let seeds = (seeds.clone().min().unwrap_or(0), seeds.max().unwrap_or(0));
        let varied_free = free.iter().filter(|&&axis| records.values_of(axis).len() > 1).count();
        let y_label = question.y.label(domain_of(question));
        let x = AxisTitle { label: query.x_label.clone().unwrap_or(x_label), unit: x_unit };
        let y = AxisTitle { label: query.y_label.clone().unwrap_or(y_label), unit: y_unit };
        let title = query.title.clone().unwrap_or_else(|| title(&x, &y, question, records));
        let description = describe(records, question, &x, free, &averaged, seeds);
        Ok(Self {
            kind: question.kind,
            x,
            y,
            positions,
            y_bounds: question.y.bounds(),
            log_y: query.log_y,
            series: question.series.map(|series| series.name(records).to_owned()),
            series_are_voters: question.series == Some(Dimension::Voter),
            panels,
            title,
            description,
            remarks: remarks.into_iter().chain(records.missing_points()).collect(),
            joined: question.kind == ChartKind::Line
                && (matches!(question.x, HorizontalAxis::Dimension(_)) || varied_free == 1),
            seeds,
        })
    }

    /// The marks as JSON, in the units of the axes.
    pub(crate) fn to_json(&self) -> Value {
        let mark = |mark: &Mark| {
            let x = match &self.positions {
                Positions::Categories(names) => json!(names.get(mark.x as usize)),
                Positions::Numbers { .. } => json!(mark.x),
            };
            let mut fields = Map::from_iter([
                ("x".to_owned(), x),
                ("mean".to_owned(), json!(mark.y.mean)),
                ("n".to_owned(), json!(mark.y.n)),
            ]);
            if mark.y.half_width.is_some() {
                let (low, high) = mark.y.ends();
                fields.insert("low".to_owned(), json!(low));
                fields.insert("high".to_owned(), json!(high));
            }
            if self.kind == ChartKind::Frontier {
                fields.insert("point".to_owned(), json!(mark.name));
                fields.insert("best".to_owned(), json!(mark.best));
            }
            Value::Object(fields)
        };
        let series = |series: &Series| json!({ "series": series.name, "marks": series.marks.iter().map(mark).collect::<Vec<_>>() });
        let panel = |panel: &Panel| json!({ "facet": panel.name, "series": panel.series.iter().map(series).collect::<Vec<_>>() });
        json!({
            "x": { "label": self.x.label, "unit": self.x.unit },
            "y": { "label": self.y.label, "unit": self.y.unit },
            "series": self.series,
            "panels": self.panels.iter().map(panel).collect::<Vec<_>>(),
        })
    }
}

/// Rows that the query asks for.
fn select<'a>(
    records: &'a SweepRecords,
    question: &ResolvedQuery,
    remarks: &mut Vec<String>,
) -> Result<Vec<&'a Row>, SweepChartError> {
    let rows: Vec<&Row> = records.rows.iter().filter(|row| question.keeps(row)).collect();
    if rows.is_empty() {
        let wanted: Vec<String> = question
            .fixed
            .iter()
            .map(|(dimension, values)| format!("{} = {}", dimension.name(records), values.join(" or ")))
            .collect();
        return Err(SweepChartError::Query(format!(
            "no row of {} has {}",
            records.path.display(),
            wanted.join(" and ")
        )));
    }
    // Baselines have no label skew, so they do not belong to the values of other axes.
    let Some(split) = records.axes.iter().position(|axis| axis == "ensemble.split") else { return Ok(rows) };
    let dimension = Dimension::Axis(split);
    if question.shows(dimension) || question.fixed.iter().any(|(fixed, _)| *fixed == dimension) {
        return Ok(rows);
    }
    let (baselines, others): (Vec<&Row>, Vec<&Row>) =
        rows.iter().copied().partition(|row| Baseline::from_split(dimension.value(row)).is_some());
    if baselines.is_empty() || others.is_empty() {
        return Ok(rows);
    }
    let names = distinct_in_order(baselines.iter().map(|row| dimension.value(row)));
    remarks.push(format!(
        "Baselines ({}) are left out; --where ensemble.split={} draws one.",
        names.join(", "),
        names.first().copied().unwrap_or_default()
    ));
    Ok(others)
}

/// Values of a dimension; voters with the ensemble last.
fn in_voter_order<'a>(dimension: Dimension, rows: &[&'a Row]) -> Vec<&'a str> {
    let mut values = distinct_in_order(rows.iter().map(|row| dimension.value(row)));
    if dimension == Dimension::Voter {
        values.sort_by_key(|name| name.parse::<Voter>().ok());
    }
    values
}

fn refuse_too_many(
    records: &SweepRecords,
    question: &ResolvedQuery,
    facets: usize,
    series: usize,
) -> Result<(), SweepChartError> {
    let refuse = |dimension: Option<Dimension>, count: usize, most: usize, what: &str, advice: &str| {
        let name = dimension.map_or("", |dimension| dimension.name(records));
        Err(SweepChartError::Query(format!(
            "{name} has {count} values, and at most {most} {what}; choose some with --where {name}=VALUE{advice}"
        )))
    };
    if series > MAX_SERIES && question.kind != ChartKind::Heat {
        let advice = ", draw a heat map with --kind heat, or make it --x or --facet";
        return refuse(question.series, series, MAX_SERIES, "lines can be told apart", advice);
    }
    if facets > MAX_PANELS {
        return refuse(question.facet, facets, MAX_PANELS, "panels fit a chart", "");
    }
    Ok(())
}

fn columns_of(question: &ResolvedQuery) -> Vec<&str> {
    let x = match &question.x {
        HorizontalAxis::Measured(x) => Some(x.name.as_str()),
        HorizontalAxis::Dimension(_) => None,
    };
    x.into_iter().chain([question.y.name.as_str()]).collect()
}

/// Returns the axes over which marks average. If axes vary within a mark although the query asks for no average, this is an error. An
/// average includes only the combinations of axis values that every mark has for every seed; other samples are removed.
fn reconcile(
    records: &SweepRecords,
    free: &[usize],
    samples: &mut BTreeMap<MarkKey, Vec<Sample>>,
    average: bool,
    remarks: &mut Vec<String>,
) -> Result<Vec<usize>, SweepChartError> {
    // An axis that varies only together with the axes of the chart does not vary within a mark.
    let mixed: Vec<usize> = (0..free.len())
        .filter(|&index| {
            samples.values().any(|samples| {
                let first = samples.first().and_then(|sample| sample.rest.get(index));
                samples.iter().any(|sample| sample.rest.get(index) != first)
            })
        })
        .collect();
    if mixed.is_empty() {
        return Ok(Vec::new());
    }
    let axes: Vec<usize> = mixed.iter().filter_map(|&index| free.get(index).copied()).collect();
    if !average {
        let list: Vec<String> = axes
            .iter()
            .map(|&axis| format!("{} ({})", records.axis_name(axis), join_values(&records.values_of(axis))))
            .collect();
        let example = axes
            .first()
            .map(|&axis| {
                let value = records.values_of(axis).first().copied().unwrap_or_default().to_owned();
                format!("{}={value}", records.axis_name(axis))
            })
            .unwrap_or_default();
        let (verb, pronoun) =
            if axes.len() == 1 { ("varies as well", "it") } else { ("vary as well", "each of them") };
        return Err(SweepChartError::Query(format!(
            "{} {verb}: give {pronoun} a place with --series or --facet, choose a value with --where {example}, or \
             add --average to average over all values",
            list.join(" and ")
        )));
    }
    let combination = |sample: &Sample| -> Vec<String> {
        mixed.iter().map(|&index| sample.rest.get(index).cloned().unwrap_or_default()).collect()
    };
    let all: BTreeSet<Vec<String>> = samples.values().flatten().map(combination).collect();
    let complete: BTreeSet<Vec<String>> = all
        .iter()
        .filter(|wanted| {
            samples.values().all(|samples| {
                let seeds: BTreeSet<&str> = samples.iter().map(|sample| sample.seed.as_str()).collect();
                let having: BTreeSet<&str> = samples
                    .iter()
                    .filter(|sample| combination(sample) == **wanted)
                    .map(|sample| sample.seed.as_str())
                    .collect();
                seeds == having
            })
        })
        .cloned()
        .collect();
    let names: Vec<&str> = axes.iter().map(|&axis| records.axis_name(axis)).collect();
    if complete.is_empty() {
        return Err(SweepChartError::Query(format!(
            "no combination of {} has records for every mark and seed, so averages would compare different things; \
             choose values with --where",
            names.join(" and ")
        )));
    }
    if complete.len() < all.len() {
        remarks.push(format!(
            "Averages are over {} of {} combinations of {}: the others lack records of some marks or seeds.",
            complete.len(),
            all.len(),
            names.join(" and ")
        ));
        for samples in samples.values_mut() {
            samples.retain(|sample| complete.contains(&combination(sample)));
        }
    }
    Ok(axes)
}

/// The mean of the values of each seed.
fn by_seed(samples: &[Sample], value: impl Fn(&Sample) -> Option<f64>) -> Vec<f64> {
    let mut seeds: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for sample in samples {
        if let Some(value) = value(sample) {
            seeds.entry(&sample.seed).or_default().push(value);
        }
    }
    seeds.values().map(|values| values.iter().sum::<f64>() / values.len() as f64).collect()
}

/// Values of the axes `varied`: `logit_bits=24, members=3`.
fn point_name(records: &SweepRecords, row: &Row, varied: &[usize]) -> String {
    let parts: Vec<String> = varied
        .iter()
        .map(|&axis| format!("{}={}", last_component(records.axis_name(axis)), row.value(axis)))
        .collect();
    if parts.is_empty() { row.point.clone() } else { parts.join(", ") }
}

/// Marks the points that are better than all points of the same or lower cost. `marks` are in ascending order of cost.
fn mark_best(marks: &mut [Mark], larger_is_better: bool) {
    let sign = if larger_is_better { 1.0 } else { -1.0 };
    let mut best = f64::NEG_INFINITY;
    for of_one_cost in marks.chunk_by_mut(|one, next| next.x <= one.x) {
        let top = of_one_cost.iter().map(|mark| sign * mark.y.mean).fold(f64::NEG_INFINITY, f64::max);
        if top > best {
            best = top;
            // One of several equal points is enough for the line.
            if let Some(mark) = of_one_cost.iter_mut().find(|mark| sign * mark.y.mean >= top) {
                mark.best = true;
            }
        }
    }
}

fn check_drawable(
    question: &ResolvedQuery,
    query: &ChartQuery,
    distinct_x: usize,
    marks: usize,
    keys: &[&str],
) -> Result<(), SweepChartError> {
    let message = match question.kind {
        ChartKind::Line if distinct_x < 2 && matches!(question.x, HorizontalAxis::Dimension(_)) => format!(
            "a line needs two values of {}, and the matching rows have one ({}); choose another --x",
            query.x,
            join_values(keys)
        ),
        ChartKind::Heat if marks < 2 => {
            "a heat map needs two cells, and the matching rows make one".to_owned()
        }
        ChartKind::Frontier | ChartKind::Line if marks < 2 => {
            "the chart needs two points, and the matching rows make one".to_owned()
        }
        _ => return Ok(()),
    };
    Err(SweepChartError::Query(message))
}

fn check_logarithms(query: &ChartQuery, panels: &[Panel]) -> Result<(), SweepChartError> {
    let marks = || panels.iter().flat_map(|panel| &panel.series).flat_map(|series| &series.marks);
    let refuse = |option: &str, value: f64| {
        Err(SweepChartError::Query(format!(
            "{option} needs numbers above zero, and there is {value}; leave it out"
        )))
    };
    if let Some(mark) = marks().find(|mark| query.log_x && mark.x <= 0.0) {
        return refuse("--log-x", mark.x);
    }
    if let Some(mark) = marks().find(|mark| query.log_y && mark.y.mean <= 0.0) {
        return refuse("--log-y", mark.y.mean);
    }
    Ok(())
}

/// The domain of the rows, if all rows have the same.
fn domain_of(question: &ResolvedQuery) -> Option<&str> {
    let fixed = question.fixed.iter().find(|(dimension, _)| *dimension == Dimension::Domain);
    fixed.and_then(|(_, values)| match values.as_slice() {
        [one] => Some(one.as_str()),
        _ => None,
    })
}

fn facet_name(records: &SweepRecords, facet: Option<Dimension>, value: &str) -> String {
    facet.map_or_else(String::new, |dimension| {
        let name = last_component(dimension.name(records));
        format!("{name} = {value}")
    })
}

fn title(x: &AxisTitle, y: &AxisTitle, question: &ResolvedQuery, records: &SweepRecords) -> String {
    let series = question.series.map(|series| series.name(records));
    match question.kind {
        ChartKind::Heat => format!("{} over {} and {}", y.label, x.label, series.unwrap_or_default()),
        ChartKind::Frontier => format!("{} for a budget: {}", y.label, lower_first(&x.label)),
        ChartKind::Line => format!("{} against {}", y.label, lower_first(&x.label)),
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        // Paths and words in capitals stay unchanged.
        Some(first) if first.is_uppercase() && letters.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

/// Sentences on voters, statistics and fixed axes of a chart.
fn describe(
    records: &SweepRecords,
    question: &ResolvedQuery,
    x: &AxisTitle,
    free: &[usize],
    averaged: &[usize],
    (fewest, most): (usize, usize),
) -> String {
    let mut sentences = Vec::new();
    let who = question.fixed.iter().find(|(dimension, _)| *dimension == Dimension::Voter);
    let who = who.map(|(_, voters)| {
        let names: Vec<String> = voters
            .iter()
            .map(|name| name.parse::<Voter>().map_or_else(|_| name.clone(), |v| v.to_string()))
            .collect();
        format!("{}: ", names.join(", "))
    });
    let n = if fewest == most { most.to_string() } else { format!("{fewest} to {most}") };
    let seeds = if most == 1 { "seed" } else { "seeds" };
    let statistic = match (question.kind, most) {
        (_, 1) => format!("one seed, so no intervals (n = {n})"),
        (ChartKind::Heat, _) => format!("means over n = {n} {seeds}"),
        _ => format!("means and 95 % intervals (Student's t) over n = {n} {seeds}"),
    };
    let statistic = if matches!(question.x, HorizontalAxis::Dimension(Dimension::Seed)) {
        "one value for each seed".to_owned()
    } else {
        statistic
    };
    sentences.push(upper_first(&format!("{}{statistic}.", who.unwrap_or_default())));
    if !averaged.is_empty() {
        let axes: Vec<String> = averaged
            .iter()
            .map(|&axis| format!("{} ({})", records.axis_name(axis), join_values(&records.values_of(axis))))
            .collect();
        sentences.push(format!("For each seed, the mean over {}.", axes.join(" and ")));
    }
    let fixed: Vec<String> = question
        .fixed
        .iter()
        .filter(|(dimension, _)| matches!(dimension, Dimension::Axis(_) | Dimension::Seed))
        .map(|(dimension, values)| format!("{} = {}", dimension.name(records), values.join(" or ")))
        .collect();
    if !fixed.is_empty() {
        sentences.push(format!("Only {}.", fixed.join(", ")));
    }
    if matches!(question.x, HorizontalAxis::Measured(_)) {
        let varied: Vec<&str> = free
            .iter()
            .filter(|&&axis| records.values_of(axis).len() > 1)
            .map(|&axis| records.axis_name(axis))
            .collect();
        if !varied.is_empty() {
            sentences.push(format!("One mark for each combination of {}.", varied.join(", ")));
        }
    }
    if question.kind == ChartKind::Frontier {
        let better = if question.y.larger_is_better() { "a larger" } else { "a smaller" };
        sentences.push(format!(
            "Filled marks: no point has {better} mean at the same or lower {}. The line is the best for a budget. \
             Test images were used to measure, not to choose.",
            lower_first(&x.label)
        ));
    }
    sentences.join(" ")
}

fn upper_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
