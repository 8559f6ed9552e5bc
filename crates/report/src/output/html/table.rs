//! Tables as HTML for screen readers, sorting and copying.

use std::fmt::Write as _;

use sottovoce_table::Table;

use crate::content::verdicts::verdict::{VerdictClass, Verdicts};
use crate::drawing::encode::escape_markup;

/// Writes a table with its caption and notes. `id` is unique on the page.
pub(crate) fn table_html(table: &Table, id: &str) -> String {
    marked(table, id, &[])
}

/// Writes a table of verdicts. Each row has the class of its verdict.
pub(crate) fn verdict_table_html(verdicts: &Verdicts, id: &str) -> String {
    let marks: Vec<VerdictClass> = verdicts.judged.iter().map(|judged| judged.verdict.class()).collect();
    marked(&verdicts.table(), id, &marks)
}

fn marked(table: &Table, id: &str, marks: &[VerdictClass]) -> String {
    let numeric = table.numeric_columns();
    let class = |column: usize| {
        if numeric.get(column).copied().unwrap_or(false) { " class=\"number\"" } else { "" }
    };
    // Narrow screens show a verdict as a card that includes the names of the columns.
    let kind = if marks.is_empty() { "" } else { " class=\"verdicts\"" };
    let mut html = format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{id}\">\n<table{kind}>\n\
         <caption id=\"{id}\">{}</caption>\n<thead><tr>",
        escape_markup(&table.title)
    );
    for (column, name) in table.header.iter().enumerate() {
        // Writing to a string never fails, here and below.
        let _ = write!(html, "<th scope=\"col\"{}>{}</th>", class(column), escape_markup(name));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for (index, row) in table.rows.iter().enumerate() {
        let mark = match marks.get(index) {
            Some(VerdictClass::Good) => " class=\"good\"",
            Some(VerdictClass::Bad) => " class=\"bad\"",
            Some(VerdictClass::Open) => " class=\"open\"",
            None => "",
        };
        let _ = write!(html, "<tr{mark}>");
        for (column, cell) in row.iter().enumerate() {
            let head = match table.header.get(column) {
                Some(name) if !marks.is_empty() => format!(" data-head=\"{}\"", escape_markup(name)),
                _ => String::new(),
            };
            let _ = write!(html, "<td{}{head}>{}</td>", class(column), escape_markup(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table>\n</div>\n");
    for note in &table.notes {
        let _ = writeln!(html, "<p class=\"note\">{}</p>", escape_markup(note));
    }
    html
}
