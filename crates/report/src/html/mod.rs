//! The report as one page: figures, tables, style and script all inside, nothing fetched from anywhere.

pub(crate) mod manifest;
mod sections;
pub(crate) mod table;

use std::fmt::Write as _;

use crate::markup::escaped;
use crate::report::{Heading, Part, RunRecords};
use crate::table::Table;
use crate::verdict::Verdicts;

const STYLE: &str = include_str!("../../assets/report.css");
const SCRIPT: &str = include_str!("../../assets/report.js");

/// Everything on the page.
pub(crate) struct Contents<'a> {
    pub(crate) records: &'a RunRecords,
    pub(crate) parts: &'a [Part],
    pub(crate) statistics: &'a [Table],
    /// Targets, then claims; none of a run that is not comparable with the paper's.
    pub(crate) verdicts: &'a [Verdicts],
}

/// The page of a run.
pub(crate) fn page(contents: &Contents<'_>) -> String {
    let sections = sections::all(contents);
    let dataset = &contents.records.facts.dataset;
    let heading = Heading::of(contents.records);
    let name = heading.experiment.as_deref();
    let of_experiment = name.map_or_else(String::new, |name| format!("{}: ", escaped(name)));
    let training = heading
        .training
        .as_deref()
        .map_or_else(String::new, |line| format!("<p>Members were trained with {}.</p>\n", escaped(line)));
    let beside = match contents.records.scope.obstacle() {
        None => "<p>Beside it are the numbers of <cite>Privacy Preserving Inference with Convolutional Neural Network \
                 Ensemble</cite> (Xiong, Nguyen, So and Chen, 2020).</p>\n"
            .to_owned(),
        Some(reason) => format!(
            "<p>No numbers of the paper's (Xiong, Nguyen, So and Chen, 2020) are beside this run: {}.</p>\n",
            escaped(reason)
        ),
    };
    let introduction = format!(
        "<p>Report of a sottovoce run on <strong>{}</strong>. Everything below is drawn and computed from the run's \
         records.</p>\n{training}{beside}",
        escaped(&heading.dataset)
    );
    document(&Document {
        title: &format!("{of_experiment}encrypted inference on {}", escaped(dataset.name())),
        heading: &format!(
            "{of_experiment}encrypted inference with an ensemble on {}",
            escaped(dataset.name())
        ),
        introduction: &introduction,
        synthetic: dataset.synthetic,
        sections: &sections,
    })
}

/// One section of a page, as HTML.
pub(crate) struct Section {
    /// Unique on the page.
    pub(crate) id: String,
    pub(crate) title: &'static str,
    pub(crate) html: String,
}

/// What every page has. All texts but the sections' titles are HTML.
pub(crate) struct Document<'a> {
    pub(crate) title: &'a str,
    pub(crate) heading: &'a str,
    pub(crate) introduction: &'a str,
    pub(crate) synthetic: bool,
    pub(crate) sections: &'a [Section],
}

/// A page that needs nothing else.
pub(crate) fn document(contents: &Document<'_>) -> String {
    let mut links = String::new();
    let mut body = String::new();
    for section in contents.sections {
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
    let warning = if contents.synthetic {
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
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the report</a>\n\
         <header>\n<h1>{heading}</h1>\n{introduction}{warning}\
         <nav aria-label=\"Sections\"><ul>{links}</ul></nav>\n</header>\n\
         <main id=\"main\">\n{body}</main>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n",
        title = contents.title,
        heading = contents.heading,
        introduction = contents.introduction,
    )
}
