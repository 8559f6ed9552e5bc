//! The report of a sweep: charts, the table of its points, and a page with both.

use std::path::{Path, PathBuf};

use sottovoce_network::atomic_file;

use super::chart::Chart;
use super::error::StudyError;
use super::page;
use super::query::{ChartKind, ChartQuery};
use super::records::{StudyRecords, number};
use super::table::points_table;
use crate::rendering::{Format, Rendering};
use crate::report::ReportError;
use crate::run_facts::RunFacts;
use crate::table::LATEX_PACKAGES;

/// Lines of a chart that the other axis of a sweep of two axes may have.
const MOST_SERIES: usize = 8;
/// An axis whose largest value is this many times its smallest is drawn logarithmically.
const LOGARITHMIC_RATIO: f64 = 50.0;

/// A chart of the report, as files.
#[derive(Debug)]
pub(crate) struct StudyPicture {
    pub(crate) stem: String,
    pub(crate) caption: String,
    pub(crate) title: String,
    pub(crate) remarks: Vec<String>,
    pub(crate) svg: String,
    pub(crate) png: Vec<u8>,
}

/// Charts that were not drawn, with the reason.
#[derive(Debug)]
pub(crate) struct LeftOut {
    pub(crate) title: String,
    pub(crate) reason: String,
}

/// Draws the charts, the table and the report of the sweep in `folder` into that folder, and returns their paths: for
/// every axis with two or more values `accuracy-by-AXIS`, for two such axes `accuracy-heat-AXIS-and-AXIS`,
/// `accuracy-frontier-plaintext_bits` and `accuracy-frontier-provider_seconds`, as SVG and PNG; `table.md` and
/// `table.tex`; and `report.html`. The same input gives the same bytes.
///
/// # Errors
/// If a record is broken or a file cannot be written. Everything is drawn before anything is written.
pub fn write_study_report(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let records = StudyRecords::read(folder)?;
    let facts = RunFacts::read(&folder.join("run.json"))?;
    let config = std::fs::read_to_string(folder.join("config.toml")).ok();
    let (pictures, left_out) = draw(&records)?;
    let table = points_table(&records);

    let path = |name: &str| folder.join(name);
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for picture in &pictures {
        files.push((path(&format!("{}.svg", picture.stem)), picture.svg.clone().into_bytes()));
        files.push((path(&format!("{}.png", picture.stem)), picture.png.clone()));
    }
    let dataset = &records.dataset;
    let warning = if dataset.synthetic {
        "SYNTHETIC DATA, drawn by a program: not comparable with results on MNIST."
    } else {
        ""
    };
    let facts_line = format!("Sweep: {}. Data set: {}.", records.name, dataset.name());
    let missing: String = records.missing_points().iter().map(|line| format!("{line}\n\n")).collect();
    let bold = if warning.is_empty() { String::new() } else { format!("**{warning}**\n\n") };
    files.push((
        path("table.md"),
        format!("{bold}{facts_line}\n\n{missing}{}", table.to_markdown()).into_bytes(),
    ));
    let comment = if warning.is_empty() { String::new() } else { format!("% {warning}\n") };
    let subject = if dataset.synthetic {
        format!("SYNTHETIC DATA: {}", dataset.name())
    } else {
        dataset.name().to_owned()
    };
    let latex = format!(
        "{comment}% {}\n% {LATEX_PACKAGES}\n\n{}",
        facts_line.replace(['\n', '\r'], " "),
        table.to_latex("tab:points", Some(&subject))
    );
    files.push((path("table.tex"), latex.into_bytes()));
    let html = page::page(&page::Contents {
        records: &records,
        facts: &facts,
        config: config.as_deref(),
        pictures: &pictures,
        left_out: &left_out,
        table: &table,
    });
    files.push((path("report.html"), html.into_bytes()));
    for (path, bytes) in &files {
        atomic_file::write(path, bytes)
            .map_err(|source| ReportError::Write { path: path.clone(), source })?;
    }
    Ok(files.into_iter().map(|(path, _)| path).collect())
}

/// A chart's name, its file, and a remark where its labels are smaller than asked for.
pub(crate) type NamedChart = (String, Vec<u8>, Option<String>);

/// The report's charts in the format, width and font size of `rendering`.
pub(crate) fn draw_for_print(
    records: &StudyRecords,
    rendering: &Rendering,
) -> Result<Vec<NamedChart>, StudyError> {
    let mut drawn = Vec::new();
    for query in queries(records) {
        match Chart::new(records, &query) {
            Ok(chart) => {
                let (bytes, remark) = chart.render(rendering, None)?;
                drawn.push((chart.stem().to_owned(), bytes, remark));
            }
            Err(StudyError::Query(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(drawn)
}

fn draw(records: &StudyRecords) -> Result<(Vec<StudyPicture>, Vec<LeftOut>), StudyError> {
    let (mut pictures, mut left_out) = (Vec::new(), Vec::new());
    for query in queries(records) {
        let chart = match Chart::new(records, &query) {
            Ok(chart) => chart,
            // A sweep with one point, or without the records of a cost, has a report all the same.
            Err(StudyError::Query(reason)) => {
                left_out.push(LeftOut { title: format!("{} over {}", query.y, query.x), reason });
                continue;
            }
            Err(error) => return Err(error),
        };
        let (svg, _) = chart.render(&Rendering::default(), None)?;
        let (png, _) = chart.render(&Rendering { format: Format::Png, ..Rendering::default() }, None)?;
        pictures.push(StudyPicture {
            stem: chart.stem().to_owned(),
            title: chart.title().to_owned(),
            caption: chart.caption(),
            remarks: chart.remarks().to_vec(),
            svg: String::from_utf8_lossy(&svg).into_owned(),
            png,
        });
    }
    Ok((pictures, left_out))
}

/// The charts of a report.
fn queries(records: &StudyRecords) -> Vec<ChartQuery> {
    let varied = records.varied_axes();
    let path = |axis: usize| records.axes[axis].as_str();
    let values = |axis: usize| records.values_of(axis);
    let mut queries: Vec<ChartQuery> = varied
        .iter()
        .map(|&axis| {
            let other = match varied.as_slice() {
                [first, second] => Some(if *first == axis { *second } else { *first }),
                _ => None,
            };
            let series = other.filter(|&other| values(other).len() <= MOST_SERIES);
            ChartQuery {
                series: series.map(|other| path(other).to_owned()),
                average: true,
                log_x: spans_decades(&values(axis)),
                ..ChartQuery::new(path(axis), "accuracy")
            }
        })
        .collect();
    if let [first, second] = varied.as_slice() {
        // More columns than rows read better.
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
