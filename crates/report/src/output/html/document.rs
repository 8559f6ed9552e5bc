//! HTML documents. Charts, tables, style and script are all in the file; a browser loads nothing else.

use std::fmt::Write as _;

use crate::drawing::encode::escape_markup;

const STYLE: &str = include_str!("../../../assets/report.css");
const SCRIPT: &str = include_str!("../../../assets/report.js");

/// One section of a page, as HTML.
pub(crate) struct Section {
    /// Identifier, unique on the page.
    pub(crate) id: String,
    pub(crate) title: &'static str,
    pub(crate) html: String,
}

/// Writes a chart as an HTML figure.
pub(crate) fn figure_html(title: &str, svg: &str) -> String {
    // An XML declaration before the element is not HTML.
    let svg = svg.find("<svg").and_then(|start| svg.get(start..)).unwrap_or_default();
    format!(
        "<figure class=\"scroll chart\" tabindex=\"0\" aria-label=\"{}\">\n{svg}</figure>\n",
        escape_markup(title)
    )
}

/// Parts of a document. All texts are HTML, except the titles of sections.
pub(crate) struct Document<'a> {
    pub(crate) title: &'a str,
    pub(crate) heading: &'a str,
    pub(crate) introduction: &'a str,
    pub(crate) synthetic: bool,
    pub(crate) sections: &'a [Section],
}

/// Writes a document.
pub(crate) fn document(contents: &Document<'_>) -> String {
    let mut links = String::new();
    let mut body = String::new();
    for section in contents.sections {
        // Writing to a string never fails.
        let _ = write!(links, "<li><a href=\"#{}\">{}</a></li>", section.id, escape_markup(section.title));
        let _ = write!(
            body,
            "<section id=\"{0}\" aria-labelledby=\"{0}-title\">\n<h2 id=\"{0}-title\">{1}</h2>\n{2}</section>\n",
            section.id,
            escape_markup(section.title),
            section.html,
        );
    }
    let warning = if contents.synthetic {
        "<p class=\"warning\" role=\"note\"><strong>SYNTHETIC DATA</strong>, drawn by a program: nothing here can be \
         compared with results on MNIST.</p>\n"
    } else {
        ""
    };
    // The policy makes a browser refuse everything that is not in the file.
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
