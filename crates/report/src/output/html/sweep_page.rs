//! The report of a sweep as an HTML page.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sottovoce_table::Table;

use crate::data::run_facts::RunFacts;
use crate::data::sweep_records::SweepRecords;
use crate::data::wording::{counted, thousands};
use crate::drawing::encode::escape_markup;
use crate::output::html::document::{Document, Section, document, figure_html};
use crate::output::html::manifest::provenance;
use crate::output::html::table::table_html;
use crate::output::sweep_charts::{SkippedChart, SweepChartFiles};

/// Content of the page.
pub(crate) struct SweepPage<'a> {
    pub(crate) records: &'a SweepRecords,
    pub(crate) facts: &'a RunFacts,
    /// The configuration that the sweep was made with, as it was written.
    pub(crate) config: Option<&'a str>,
    pub(crate) charts: &'a [SweepChartFiles],
    pub(crate) skipped: &'a [SkippedChart],
    pub(crate) table: &'a Table,
}

/// Writes the page of a sweep.
pub(crate) fn sweep_page(contents: &SweepPage<'_>) -> String {
    let records = contents.records;
    let mut sections = vec![
        Section { id: "sweep".to_owned(), title: "The sweep", html: facts(contents) },
        Section { id: "charts".to_owned(), title: "Charts", html: charts(contents) },
        Section {
            id: "points".to_owned(),
            title: "Points",
            html: table_html(contents.table, "points-table"),
        },
    ];
    if !records.failed.is_empty() {
        sections.push(Section { id: "failures".to_owned(), title: "Failed points", html: failures(records) });
    }
    let origin = provenance(contents.facts, contents.config);
    sections.push(Section { id: "manifest".to_owned(), title: "Where the records come from", html: origin });
    let title =
        format!("{}: a sweep on {}", escape_markup(&records.name), escape_markup(records.dataset.name()));
    document(&Document {
        title: &title,
        heading: &title,
        introduction: "<p>Everything below is drawn and computed from the sweep's records. Tables are sorted by a click on a \
                       column's head.</p>\n",
        synthetic: records.dataset.synthetic,
        sections: &sections,
    })
}

fn facts(contents: &SweepPage<'_>) -> String {
    let records = contents.records;
    let seeds: BTreeSet<&str> = records.rows.iter().map(|row| row.seed.as_str()).collect();
    let images = records.measure("images").and_then(|column| {
        let counts = records.rows.iter().filter_map(|row| row.number(column));
        counts.reduce(f64::max)
    });
    let mut rows = vec![
        ("data set".to_owned(), records.dataset.name().to_owned()),
        ("points with records".to_owned(), thousands(records.points().len() as u64)),
        ("points that failed".to_owned(), thousands(records.failed.len() as u64)),
        ("points not run yet".to_owned(), thousands(records.open as u64)),
        ("seeds".to_owned(), seeds.into_iter().collect::<Vec<_>>().join(", ")),
    ];
    if let Some(images) = images {
        // A count of images.
        rows.push(("test images for each point and seed".to_owned(), thousands(images as u64)));
    }
    for (axis, path) in records.axes.iter().enumerate() {
        rows.push((path.clone(), records.values_of(axis).join(", ")));
    }
    let facts = Table {
        title: "Facts".to_owned(),
        header: vec!["what".to_owned(), "value".to_owned()],
        rows: rows.into_iter().map(|(what, value)| vec![what, value]).collect(),
        notes: Vec::new(),
    };
    table_html(&facts, "facts")
}

fn charts(contents: &SweepPage<'_>) -> String {
    let mut html = String::new();
    for chart in contents.charts {
        html += &figure_html(&chart.title, &chart.svg);
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escape_markup(&chart.caption));
        // Missing points are listed once, with the failures. Only other remarks are shown here.
        let missing = contents.records.missing_points();
        for remark in chart.remarks.iter().filter(|remark| !missing.contains(remark)) {
            let _ = writeln!(html, "<p class=\"note\">{}</p>", escape_markup(remark));
        }
    }
    if !contents.skipped.is_empty() {
        html.push_str("<p>Not drawn:</p>\n<ul>\n");
        for skipped in contents.skipped {
            let _ = writeln!(
                html,
                "<li>{}: {}.</li>",
                escape_markup(&skipped.title),
                escape_markup(&skipped.reason)
            );
        }
        html.push_str("</ul>\n");
    }
    html
}

fn failures(records: &SweepRecords) -> String {
    let failures = Table {
        title: counted(records.failed.len() as u64, "point failed", "points failed"),
        header: vec!["point".to_owned(), "error".to_owned()],
        rows: records.failed.iter().map(|point| vec![point.name.clone(), point.error.clone()]).collect(),
        notes: Vec::new(),
    };
    table_html(&failures, "failed-points")
}
