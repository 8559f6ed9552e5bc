//! What a chart is asked to show, resolved against the records.

use crate::content::sweep_charts::error::SweepChartError;
use crate::content::sweep_charts::quantity::{ERROR, Quantity};
use crate::data::sweep_records::SweepRecords;
use crate::data::sweep_table::Row;
use crate::data::values::{in_order, number};

/// A kind of chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// Means over an axis, joined by lines, with intervals over seeds.
    Line,
    /// Means over two axes, as shaded cells with their numbers.
    Heat,
    /// The points that nothing beats at their cost, and the staircase through them.
    Frontier,
}

/// What a chart shows of a sweep. Axes are named by their paths, or by the last component of a path where only one axis
/// has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartQuery {
    /// Kind of the chart.
    pub kind: ChartKind,
    /// The horizontal axis: an axis of the sweep, `voter`, `domain`, `seed` or a measured column.
    pub x: String,
    /// A measured column, or `error`.
    pub y: String,
    /// The axis whose values get lines of their own; the vertical axis of a heat map.
    pub series: Option<String>,
    /// The axis whose values get panels of their own.
    pub facet: Option<String>,
    /// Axes and the values that they are restricted to. Several values of one axis are alternatives.
    pub fixed: Vec<(String, String)>,
    /// Whether values are averaged over the axes that vary otherwise.
    pub average: bool,
    /// Whose answers; absent: the ensemble's, unless `voter` is an axis of the chart.
    pub voter: Option<String>,
    /// Where they were measured; absent: under encryption, unless `domain` is an axis of the chart.
    pub domain: Option<String>,
    /// Whether the horizontal axis is logarithmic.
    pub log_x: bool,
    /// Whether the vertical axis is logarithmic.
    pub log_y: bool,
    /// Other words for the title and the axes.
    pub title: Option<String>,
    /// Other words for the horizontal axis.
    pub x_label: Option<String>,
    /// Other words for the vertical axis.
    pub y_label: Option<String>,
}

impl ChartQuery {
    /// The line chart of `y` over `x`.
    #[must_use]
    pub fn new(x: &str, y: &str) -> Self {
        Self {
            kind: ChartKind::Line,
            x: x.to_owned(),
            y: y.to_owned(),
            series: None,
            facet: None,
            fixed: Vec::new(),
            average: false,
            voter: None,
            domain: None,
            log_x: false,
            log_y: false,
            title: None,
            x_label: None,
            y_label: None,
        }
    }
}

/// Something that tells rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// An axis of the sweep.
    Axis(usize),
    Voter,
    Domain,
    Seed,
}

impl Dimension {
    const OTHERS: [(&'static str, Self); 3] =
        [("voter", Self::Voter), ("domain", Self::Domain), ("seed", Self::Seed)];

    /// The value of a row.
    pub(crate) fn value(self, row: &Row) -> &str {
        match self {
            Self::Axis(axis) => row.values.get(axis).map_or("", String::as_str),
            Self::Voter => &row.voter,
            Self::Domain => &row.domain,
            Self::Seed => &row.seed,
        }
    }

    pub(crate) fn name(self, records: &SweepRecords) -> &str {
        match self {
            Self::Axis(axis) => records.axes.get(axis).map_or("", String::as_str),
            Self::Voter => "voter",
            Self::Domain => "domain",
            Self::Seed => "seed",
        }
    }
}

/// The horizontal axis.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HorizontalAxis {
    Dimension(Dimension),
    Measured(Quantity),
}

/// A query whose names are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResolvedQuery {
    pub(crate) kind: ChartKind,
    pub(crate) x: HorizontalAxis,
    pub(crate) y: Quantity,
    pub(crate) series: Option<Dimension>,
    pub(crate) facet: Option<Dimension>,
    /// Dimensions and the values that rows may have.
    pub(crate) fixed: Vec<(Dimension, Vec<String>)>,
}

impl ResolvedQuery {
    /// Finds every name of `query` in `records`.
    pub(crate) fn resolve(query: &ChartQuery, records: &SweepRecords) -> Result<Self, SweepChartError> {
        let x = match dimension(records, &query.x) {
            Some(found) => HorizontalAxis::Dimension(found?),
            None => HorizontalAxis::Measured(
                Quantity::named(&query.x, &records.measures)
                    .ok_or_else(|| unknown("axis or measured column", &query.x, records, true))?,
            ),
        };
        let axis = |name: &Option<String>| -> Result<Option<Dimension>, SweepChartError> {
            let Some(name) = name else { return Ok(None) };
            dimension(records, name).unwrap_or_else(|| Err(unknown("axis", name, records, false))).map(Some)
        };
        let y =
            Quantity::named(&query.y, &records.measures).ok_or_else(|| unknown_metric(&query.y, records))?;
        let (series, facet) = (axis(&query.series)?, axis(&query.facet)?);
        let mut question = Self { kind: query.kind, x, y, series, facet, fixed: Vec::new() };
        question.refuse_twice(records)?;
        for (name, value) in &query.fixed {
            let found =
                dimension(records, name).unwrap_or_else(|| Err(unknown("axis", name, records, false)))?;
            question.fix(found, value, records)?;
        }
        let defaults =
            [(Dimension::Voter, &query.voter, "ensemble"), (Dimension::Domain, &query.domain, "encrypted")];
        for (dimension, asked, default) in defaults {
            let stated = question.fixed.iter().any(|(fixed, _)| *fixed == dimension);
            match asked {
                Some(value) => question.fix(dimension, value, records)?,
                None if stated || question.shows(dimension) => {}
                None => question.fix(dimension, default, records)?,
            }
        }
        question.check_kind(query)?;
        Ok(question)
    }

    /// Whether the chart tells the values of `dimension` apart.
    pub(crate) fn shows(&self, dimension: Dimension) -> bool {
        self.x == HorizontalAxis::Dimension(dimension)
            || self.series == Some(dimension)
            || self.facet == Some(dimension)
    }

    /// Whether a row has the values that were asked for.
    pub(crate) fn keeps(&self, row: &Row) -> bool {
        self.fixed.iter().all(|(dimension, values)| {
            let found = dimension.value(row);
            values.iter().any(|value| value == found)
        })
    }

    fn fix(
        &mut self,
        dimension: Dimension,
        value: &str,
        records: &SweepRecords,
    ) -> Result<(), SweepChartError> {
        let found = in_order(records.rows.iter().map(|row| dimension.value(row)));
        let same = |other: &&str| {
            *other == value || matches!((number(other), number(value)), (Some(a), Some(b)) if a == b)
        };
        let Some(known) = found.iter().copied().find(same) else {
            let name = dimension.name(records);
            return Err(SweepChartError::Query(format!(
                "no row has {name} = {value}; the values of {name} are {}",
                listed(&found)
            )));
        };
        match self.fixed.iter_mut().find(|(fixed, _)| *fixed == dimension) {
            Some((_, values)) => values.push(known.to_owned()),
            None => self.fixed.push((dimension, vec![known.to_owned()])),
        }
        Ok(())
    }

    fn refuse_twice(&self, records: &SweepRecords) -> Result<(), SweepChartError> {
        let x = match &self.x {
            HorizontalAxis::Dimension(dimension) => Some(*dimension),
            HorizontalAxis::Measured(_) => None,
        };
        let used = [("--x", x), ("--series", self.series), ("--facet", self.facet)];
        for (index, (option, dimension)) in used.iter().enumerate() {
            let Some(dimension) = dimension else { continue };
            let earlier = used.iter().take(index).find(|(_, other)| *other == Some(*dimension));
            if let Some((other, _)) = earlier {
                let name = dimension.name(records);
                return Err(SweepChartError::Query(format!(
                    "{other} and {option} both name {name}; give one of them"
                )));
            }
        }
        Ok(())
    }

    fn check_kind(&self, query: &ChartQuery) -> Result<(), SweepChartError> {
        let refuse = |text: String| Err(SweepChartError::Query(text));
        match (self.kind, &self.x) {
            (ChartKind::Heat, HorizontalAxis::Measured(x)) => {
                refuse(format!("a heat map needs two axes of the sweep, but --x {} is measured", x.name))
            }
            (ChartKind::Heat, _) if self.series.is_none() => {
                refuse("a heat map needs two axes: --x for its columns and --series for its rows".to_owned())
            }
            (ChartKind::Heat, _) if query.log_x || query.log_y => {
                refuse("a heat map has no logarithmic axes; leave --log-x and --log-y out".to_owned())
            }
            (ChartKind::Frontier, HorizontalAxis::Dimension(_)) => refuse(format!(
                "a frontier needs a measured cost on its horizontal axis, such as --x provider_seconds, but {} is an \
                 axis of the sweep",
                query.x
            )),
            _ => Ok(()),
        }
    }
}

/// The dimension called `name`: absent if nothing is called so, an error if several axes are.
fn dimension(records: &SweepRecords, name: &str) -> Option<Result<Dimension, SweepChartError>> {
    if let Some(axis) = records.axes.iter().position(|axis| axis == name) {
        return Some(Ok(Dimension::Axis(axis)));
    }
    if let Some((_, other)) = Dimension::OTHERS.iter().find(|(other, _)| *other == name) {
        return Some(Ok(*other));
    }
    let named: Vec<usize> =
        (0..records.axes.len()).filter(|&axis| leaf(&records.axes[axis]) == name).collect();
    match named.as_slice() {
        [] => None,
        [axis] => Some(Ok(Dimension::Axis(*axis))),
        several => {
            let paths: Vec<&str> = several.iter().map(|&axis| records.axes[axis].as_str()).collect();
            Some(Err(SweepChartError::Query(format!(
                "`{name}` is the last part of several axes; write the path: {}",
                paths.join(" or ")
            ))))
        }
    }
}

/// The last component of a path.
pub(crate) fn leaf(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn unknown(what: &str, name: &str, records: &SweepRecords, with_measures: bool) -> SweepChartError {
    let axes: Vec<&str> = records.axes.iter().map(String::as_str).collect();
    let mut known: Vec<&str> = axes.clone();
    known.extend(axes.iter().map(|axis| leaf(axis)));
    known.extend(Dimension::OTHERS.map(|(other, _)| other));
    let mut list = if axes.is_empty() {
        "this sweep has no axes".to_owned()
    } else {
        format!("the axes are {}", axes.join(", "))
    };
    list.push_str("; voter, domain and seed can be used as axes");
    if with_measures {
        known.extend(records.measures.iter().map(String::as_str));
        list = format!("{list}; measured columns are {}", records.measures.join(", "));
    }
    SweepChartError::Query(format!("there is no {what} `{name}`{}; {list}", suggestion(name, &known)))
}

fn unknown_metric(name: &str, records: &SweepRecords) -> SweepChartError {
    let mut known: Vec<&str> = vec![ERROR];
    known.extend(records.measures.iter().map(String::as_str));
    let axis = if dimension(records, name).is_some() {
        " (an axis of the sweep is not measured; it can be --x, --series or --facet)"
    } else {
        ""
    };
    SweepChartError::Query(format!(
        "there is no measured column `{name}`{axis}{}; measured are {}",
        suggestion(name, &known),
        known.join(", ")
    ))
}

fn suggestion(name: &str, known: &[&str]) -> String {
    // Below this two names are not alike.
    const LEAST_SIMILARITY: f64 = 0.75;
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > LEAST_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

/// Values in a sentence, the first of them where there are many.
pub(crate) fn listed(values: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown = values.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
