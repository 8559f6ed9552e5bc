//! Charts of a sweep's report.

use crate::content::sweep_charts::chart::SweepChart;
use crate::content::sweep_charts::error::SweepChartError;
use crate::content::sweep_charts::query::{ChartKind, ChartQuery};
use crate::data::sweep_records::SweepRecords;
use crate::data::values::number;
use crate::drawing::rendering::{Format, Rendering};

/// Largest number of lines in a chart of a sweep with two axes.
const MAX_SERIES: usize = 8;
/// An axis is drawn logarithmically if its largest value is at least this many times its smallest.
const LOGARITHMIC_RATIO: f64 = 50.0;

/// A chart of a sweep's report, as files.
#[derive(Debug)]
pub(crate) struct SweepChartFiles {
    pub(crate) stem: String,
    pub(crate) caption: String,
    pub(crate) title: String,
    pub(crate) remarks: Vec<String>,
    pub(crate) svg: String,
    pub(crate) png: Vec<u8>,
}

/// A chart that was not drawn, with the reason.
#[derive(Debug)]
pub(crate) struct SkippedChart {
    pub(crate) title: String,
    pub(crate) reason: String,
}

/// Name of a chart, its file, and a remark if its labels are smaller than requested.
pub(crate) type NamedChart = (String, Vec<u8>, Option<String>);

/// Draws the charts of a sweep's report in the format, width and font size of `rendering`.
pub(crate) fn print_sweep_charts(
    records: &SweepRecords,
    rendering: &Rendering,
) -> Result<Vec<NamedChart>, SweepChartError> {
    let mut drawn = Vec::new();
    for query in queries(records) {
        match SweepChart::new(records, &query) {
            Ok(chart) => {
                let (bytes, remark) = chart.render(rendering, None)?;
                drawn.push((chart.stem().to_owned(), bytes, remark));
            }
            Err(SweepChartError::Query(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(drawn)
}

/// Draws the charts of a sweep's report as SVG and PNG.
pub(crate) fn draw_sweep_charts(
    records: &SweepRecords,
) -> Result<(Vec<SweepChartFiles>, Vec<SkippedChart>), SweepChartError> {
    let (mut charts, mut skipped) = (Vec::new(), Vec::new());
    for query in queries(records) {
        let chart = match SweepChart::new(records, &query) {
            Ok(chart) => chart,
            // A sweep with one point, or without a column for the cost, still gets a report.
            Err(SweepChartError::Query(reason)) => {
                skipped.push(SkippedChart { title: format!("{} over {}", query.y, query.x), reason });
                continue;
            }
            Err(error) => return Err(error),
        };
        let (svg, _) = chart.render(&Rendering::default(), None)?;
        let (png, _) = chart.render(&Rendering { format: Format::Png, ..Rendering::default() }, None)?;
        charts.push(SweepChartFiles {
            stem: chart.stem().to_owned(),
            title: chart.title().to_owned(),
            caption: chart.caption(),
            remarks: chart.remarks().to_vec(),
            svg: String::from_utf8_lossy(&svg).into_owned(),
            png,
        });
    }
    Ok((charts, skipped))
}

/// Queries for the charts of a report.
fn queries(records: &SweepRecords) -> Vec<ChartQuery> {
    let varied = records.varied_axes();
    let path = |axis: usize| records.axis_name(axis);
    let values = |axis: usize| records.values_of(axis);
    let mut queries: Vec<ChartQuery> = varied
        .iter()
        .map(|&axis| {
            let other = match varied.as_slice() {
                [first, second] => Some(if *first == axis { *second } else { *first }),
                _ => None,
            };
            let series = other.filter(|&other| values(other).len() <= MAX_SERIES);
            ChartQuery {
                series: series.map(|other| path(other).to_owned()),
                average: true,
                log_x: spans_decades(&values(axis)),
                ..ChartQuery::new(path(axis), "accuracy")
            }
        })
        .collect();
    if let [first, second] = varied.as_slice() {
        // The axis with more values becomes the columns.
        let (x, rows) =
            if values(*first).len() >= values(*second).len() { (first, second) } else { (second, first) };
        queries.push(ChartQuery {
            kind: ChartKind::Heat,
            series: Some(path(*rows).to_owned()),
            ..ChartQuery::new(path(*x), "accuracy")
        });
    }
    for cost in ["plaintext_bits", "provider_seconds"] {
        queries.push(ChartQuery { kind: ChartKind::Frontier, ..ChartQuery::new(cost, "accuracy") });
    }
    queries
}

fn spans_decades(values: &[&str]) -> bool {
    let numbers: Option<Vec<f64>> = values.iter().map(|value| number(value).filter(|n| *n > 0.0)).collect();
    numbers.is_some_and(|numbers| {
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let largest = numbers.iter().copied().fold(0.0, f64::max);
        largest >= LOGARITHMIC_RATIO * least
    })
}
