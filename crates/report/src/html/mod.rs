//! The report as one page: figures, tables, style and script all inside, nothing fetched from anywhere.

mod manifest;
mod sections;
mod table;

use std::fmt::Write as _;

use crate::markup::escaped;
use crate::report::{Part, RunRecords};
use crate::table::Table;
use crate::verdict::Verdicts;

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// Everything on the page.
pub(crate) struct Contents<'a> {
    pub(crate) records: &'a RunRecords,
    pub(crate) parts: &'a [Part],
    pub(crate) statistics: &'a [Table],
    /// Targets, then claims.
    pub(crate) verdicts: &'a [Verdicts],
}

/// The page of a run.
pub(crate) fn page(contents: &Contents<'_>) -> String {
    let sections = sections::all(contents);
    let dataset = &contents.records.facts.dataset;
    let mut links = String::new();
    let mut body = String::new();
    for section in &sections {
        // Writing to a string never fails.
        let _ = write!(links, "<li><a href=\"#{}\">{}</a></li>", section.id, escaped(section.title));
        let _ = write!(
            body,
            "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
            section.id,
            escaped(section.title),
            section.html,
        );
    }
    let warning = if dataset.synthetic {
        "<p class=\"warning\" role=\"note\"><strong>SYNTHETIC DATA</strong>, drawn by a program: nothing here can be \
         compared with results on MNIST.</p>\n"
    } else {
        ""
    };
    // The policy makes a browser refuse whatever is not on the page itself.
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         script-src 'unsafe-inline'\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>sottovoce: report of a run on {dataset}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the report</a>\n\
         <header>\n<h1>Encrypted inference with an ensemble</h1>\n\
         <p>Report of a sottovoce run on <strong>{dataset}</strong>, beside <cite>Privacy Preserving Inference with \
         Convolutional Neural Network Ensemble</cite> (Xiong, Nguyen, So and Chen, 2020). Everything below is drawn \
         and computed from the run's records.</p>\n{warning}\
         <nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n</header>\n\
         <main id=\"main\">\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        dataset = escaped(dataset.name()),
    )
}
