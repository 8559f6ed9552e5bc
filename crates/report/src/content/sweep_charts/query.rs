//! Queries for charts of a sweep, and their resolution against the records.

use crate::content::sweep_charts::error::SweepChartError;
use crate::content::sweep_charts::quantity::{ERROR, Quantity};
use crate::data::sweep_records::SweepRecords;
use crate::data::sweep_table::Row;
use crate::data::values::{distinct_in_order, number};

/// A kind of chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChartKind {
    /// Means over an axis, joined by lines, with intervals over seeds.
    Line,
    /// Means over two axes, as shaded cells with their numbers.
    Heat,
    /// The best points for each cost, joined by a line in steps.
    Frontier,
}

/// Describes a chart of a sweep. An axis is named by its path, or by the last component of its path if no other axis has it.
///
/// ```rust
/// use sottovoce_report::{ChartKind, ChartQuery};
///
/// let frontier = ChartQuery { kind: ChartKind::Frontier, ..ChartQuery::new("provider_seconds", "accuracy") };
/// assert_eq!((frontier.series, frontier.average), (None, false));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartQuery {
    /// Kind of the chart.
    pub kind: ChartKind,
    /// The horizontal axis: an axis of the sweep, `voter`, `domain`, `seed` or a measured column.
    pub x: String,
    /// A measured column, or `error`.
    pub y: String,
    /// Axis with a line for each value. In a heat map: the vertical axis.
    pub series: Option<String>,
    /// Axis with a panel for each value.
    pub facet: Option<String>,
    /// Axes and the values that they are restricted to. Several values of one axis are alternatives.
    pub fixed: Vec<(String, String)>,
    /// True if marks average over the axes that the chart does not show.
    pub average: bool,
    /// Name of a voter. `None`: the ensemble, unless `voter` is an axis of the chart.
    pub voter: Option<String>,
    /// Name of a domain. `None`: `encrypted`, unless `domain` is an axis of the chart.
    pub domain: Option<String>,
    /// True if the horizontal axis is logarithmic.
    pub log_x: bool,
    /// True if the vertical axis is logarithmic.
    pub log_y: bool,
    /// Replaces the title.
    pub title: Option<String>,
    /// Replaces the label of the horizontal axis.
    pub x_label: Option<String>,
    /// Replaces the label of the vertical axis.
    pub y_label: Option<String>,
}

impl ChartQuery {
    /// A line chart of `y` over `x`.
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

/// A column that identifies rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dimension {
    /// An axis of the sweep, by its position.
    Axis(usize),
    Voter,
    Domain,
    Seed,
}

impl Dimension {
    const OTHERS: [(&'static str, Self); 3] =
        [("voter", Self::Voter), ("domain", Self::Domain), ("seed", Self::Seed)];

    /// The value in a row.
    pub(crate) fn value(self, row: &Row) -> &str {
        match self {
            Self::Axis(axis) => row.value(axis),
            Self::Voter => &row.voter,
            Self::Domain => &row.domain,
            Self::Seed => &row.seed,
        }
    }

    pub(crate) fn name(self, records: &SweepRecords) -> &str {
        match self {
            Self::Axis(axis) => records.axis_name(axis),
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

/// A query whose names are resolved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ResolvedQuery {
    pub(crate) kind: ChartKind,
    pub(crate) x: HorizontalAxis,
    pub(crate) y: Quantity,
    pub(crate) series: Option<Dimension>,
    pub(crate) facet: Option<Dimension>,
    /// Dimensions with the values to which they are restricted.
    pub(crate) fixed: Vec<(Dimension, Vec<String>)>,
}

impl ResolvedQuery {
    /// Resolves the names of `query` in `records`.
    ///
    /// # Errors
    /// If a name or value is unknown or ambiguous, or the chart cannot be of its kind.
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

    /// Returns whether `dimension` is an axis of the chart.
    pub(crate) fn shows(&self, dimension: Dimension) -> bool {
        self.x == HorizontalAxis::Dimension(dimension)
            || self.series == Some(dimension)
            || self.facet == Some(dimension)
    }

    /// Returns whether a row has the requested values.
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
        let found = distinct_in_order(records.rows.iter().map(|row| dimension.value(row)));
        let same = |other: &&str| {
            *other == value || matches!((number(other), number(value)), (Some(a), Some(b)) if a == b)
        };
        let Some(known) = found.iter().copied().find(same) else {
            let name = dimension.name(records);
            return Err(SweepChartError::Query(format!(
                "no row has {name} = {value}; the values of {name} are {}",
                join_values(&found)
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

/// The dimension with this name: `None` if there is none, an error if the name is ambiguous.
fn dimension(records: &SweepRecords, name: &str) -> Option<Result<Dimension, SweepChartError>> {
    if let Some(axis) = records.axes.iter().position(|axis| axis == name) {
        return Some(Ok(Dimension::Axis(axis)));
    }
    if let Some((_, other)) = Dimension::OTHERS.iter().find(|(other, _)| *other == name) {
        return Some(Ok(*other));
    }
    let named: Vec<usize> =
        (0..records.axes.len()).filter(|&axis| last_component(records.axis_name(axis)) == name).collect();
    match named.as_slice() {
        [] => None,
        [axis] => Some(Ok(Dimension::Axis(*axis))),
        several => {
            let paths: Vec<&str> = several.iter().map(|&axis| records.axis_name(axis)).collect();
            Some(Err(SweepChartError::Query(format!(
                "`{name}` is the last part of several axes; write the path: {}",
                paths.join(" or ")
            ))))
        }
    }
}

/// The last component of a path.
pub(crate) fn last_component(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn unknown(what: &str, name: &str, records: &SweepRecords, with_measures: bool) -> SweepChartError {
    let axes: Vec<&str> = records.axes.iter().map(String::as_str).collect();
    let mut known: Vec<&str> = axes.clone();
    known.extend(axes.iter().map(|axis| last_component(axis)));
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
    // Names with a lower similarity are not suggested.
    const MIN_SIMILARITY: f64 = 0.75;
    let nearest = known
        .iter()
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > MIN_SIMILARITY)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    nearest.map_or_else(String::new, |(_, candidate)| format!("; did you mean `{candidate}`?"))
}

/// Joins values for a sentence. Of many values, only the first are listed.
pub(crate) fn join_values(values: &[&str]) -> String {
    const SHOWN: usize = 12;
    let shown = values.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match values.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
