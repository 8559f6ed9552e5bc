//! Tables, written as Markdown, LaTeX or aligned text for a terminal.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::fmt::Write as _;

/// Text in place of a number that was not measured or not printed.
pub const ABSENT: &str = "–";

/// Packages that a document needs for [`Table::to_latex`].
pub const LATEX_PACKAGES: &str =
    "Needs \\usepackage{booktabs} and, for tables of more than a page, \\usepackage{longtable}.";

/// A LaTeX table with more rows is broken over pages.
const ROWS_OF_A_PAGE: usize = 45;

/// A table of words and numbers. Each row has as many cells as the header.
///
/// ```rust
/// let table = sottovoce_table::Table {
///     title: "Seconds".to_owned(),
///     header: vec!["step".to_owned(), "s".to_owned()],
///     rows: vec![vec!["encrypt".to_owned(), "0.61".to_owned()]],
///     notes: Vec::new(),
/// };
/// assert_eq!(table.to_text(), "Seconds\n\nstep        s\n-------  ----\nencrypt  0.61\n");
/// assert!(table.to_markdown().contains("| encrypt | 0.61 |"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Title.
    pub title: String,
    /// Names of the columns, with units.
    pub header: Vec<String>,
    /// Cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// Explanations of the numbers.
    pub notes: Vec<String>,
}

impl Table {
    /// Writes the table as GitHub-flavoured Markdown with aligned columns.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let escaped =
            |cells: &[String]| -> Vec<String> { cells.iter().map(|cell| cell.replace('|', "\\|")).collect() };
        let header = escaped(&self.header);
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| escaped(row)).collect();
        let columns = Columns::of(&header, &rows, 3);
        let rule: Vec<String> = columns
            .widths
            .iter()
            .zip(&columns.numeric)
            .map(|(&width, &numeric)| {
                "-".repeat(width - usize::from(numeric)) + if numeric { ":" } else { "" }
            })
            .collect();
        let mut markdown = format!("## {}\n\n", self.title);
        for row in [&header, &rule].into_iter().chain(&rows) {
            let _ = writeln!(markdown, "| {} |", columns.aligned(row).join(" | "));
        }
        for note in &self.notes {
            let _ = write!(markdown, "\n{note}\n");
        }
        markdown
    }

    /// Writes the table as LaTeX with rules of `booktabs`: a floating `table`, or a `longtable` if it has more rows than a page. The
    /// title is the caption, and `subject` follows it. Notes follow the rows.
    #[must_use]
    pub fn to_latex(&self, label: &str, subject: Option<&str>) -> String {
        let alignment: String =
            self.numeric_columns().iter().map(|&numeric| if numeric { 'r' } else { 'l' }).collect();
        let line = |cells: &[String]| {
            let cells: Vec<String> = cells.iter().map(|cell| latex_escaped(cell)).collect();
            format!("{} \\\\\n", cells.join(" & "))
        };
        let subject = subject.map_or_else(String::new, |subject| format!(" {}.", latex_escaped(subject)));
        let caption = format!("\\caption{{{}.{subject}}}\\label{{{label}}}", latex_escaped(&self.title));
        let head = format!("\\toprule\n{}\\midrule\n", line(&self.header));
        let rows: String = self.rows.iter().map(|row| line(row)).collect();
        let notes: String = self
            .notes
            .iter()
            .map(|note| format!("\\par\\smallskip{{\\footnotesize {}\\par}}\n", latex_escaped(note)))
            .collect();
        if self.rows.len() > ROWS_OF_A_PAGE {
            format!(
                "\\begin{{longtable}}{{{alignment}}}\n{caption}\\\\\n{head}\\endfirsthead\n{head}\\endhead\n\\bottomrule\n\\endfoot\n\
                 {rows}\\end{{longtable}}\n{notes}"
            )
        } else {
            format!(
                "\\begin{{table}}\n\\centering\n{caption}\n\\begin{{tabular}}{{{alignment}}}\n{head}{rows}\\bottomrule\n\
                 \\end{{tabular}}\n{notes}\\end{{table}}\n"
            )
        }
    }

    /// For each column, whether it holds only numbers.
    #[must_use]
    pub fn numeric_columns(&self) -> Vec<bool> {
        Columns::of(&self.header, &self.rows, 1).numeric
    }

    /// Writes the table as text in columns, without trailing blanks.
    #[must_use]
    pub fn to_text(&self) -> String {
        let columns = Columns::of(&self.header, &self.rows, 1);
        let rule: Vec<String> = columns.widths.iter().map(|&width| "-".repeat(width)).collect();
        let mut text = format!("{}\n\n", self.title);
        for row in [&self.header, &rule].into_iter().chain(&self.rows) {
            let _ = writeln!(text, "{}", columns.aligned(row).join("  ").trim_end());
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }
}

/// Widths of columns in characters, and whether each column holds only numbers and is aligned to the right.
struct Columns {
    widths: Vec<usize>,
    numeric: Vec<bool>,
}

impl Columns {
    fn of(header: &[String], rows: &[Vec<String>], least: usize) -> Self {
        let cells = |column: usize| rows.iter().filter_map(move |row| row.get(column));
        let widths = (0..header.len())
            .map(|column| {
                let letters = cells(column).chain(header.get(column)).map(|cell| cell.chars().count());
                letters.max().unwrap_or(0).max(least)
            })
            .collect();
        let numeric = (0..header.len()).map(|column| cells(column).all(|cell| is_number(cell))).collect();
        Self { widths, numeric }
    }

    fn aligned(&self, row: &[String]) -> Vec<String> {
        row.iter()
            .zip(self.widths.iter().zip(&self.numeric))
            .map(|(cell, (&width, &numeric))| match numeric {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            })
            .collect()
    }
}

/// Returns whether a cell is a number, with or without a unit sign, or stands for a missing number.
fn is_number(cell: &str) -> bool {
    let number = cell.trim_end_matches(['×', '%', ' ']).replace(',', "");
    cell.is_empty() || cell == ABSENT || number.parse::<f64>().is_ok()
}

/// Escapes every character with a meaning in LaTeX, and writes characters that its usual fonts lack as commands.
fn latex_escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        let replacement = match letter {
            '\\' => "\\textbackslash{}",
            '{' => "\\{",
            '}' => "\\}",
            '%' => "\\%",
            '$' => "\\$",
            '&' => "\\&",
            '#' => "\\#",
            '_' => "\\_",
            '^' => "\\textasciicircum{}",
            '~' => "\\textasciitilde{}",
            '|' => "\\textbar{}",
            '<' => "\\textless{}",
            '>' => "\\textgreater{}",
            '–' => "--",
            '×' => "$\\times$",
            '±' => "$\\pm$",
            '≤' => "$\\leq$",
            '≥' => "$\\geq$",
            '−' => "$-$",
            '²' => "$^2$",
            // A line break would end a table's cell or a comment.
            '\n' | '\r' => " ",
            letter => {
                safe.push(letter);
                continue;
            }
        };
        safe.push_str(replacement);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        Table {
            title: "Layers".to_owned(),
            header: row(["layer", "s", "paper / ours"]),
            rows: vec![row(["Dense|3", "0.5", "12.3×"]), row(["Sum", "10.25", "–"])],
            notes: vec!["A note.".to_owned()],
        }
    }

    #[test]
    fn text_aligns_words_to_the_left_and_numbers_to_the_right() {
        let expected = "Layers\n\n\
            layer        s  paper / ours\n\
            -------  -----  ------------\n\
            Dense|3    0.5         12.3×\n\
            Sum      10.25             –\n\nA note.\n";
        assert_eq!(table().to_text(), expected);
    }

    #[test]
    fn latex_has_rules_a_caption_a_label_and_the_notes() {
        let expected = "\\begin{table}\n\\centering\n\\caption{Layers. MNIST.}\\label{tab:layers-1}\n\
            \\begin{tabular}{lrr}\n\\toprule\nlayer & s & paper / ours \\\\\n\\midrule\n\
            Dense\\textbar{}3 & 0.5 & 12.3$\\times$ \\\\\nSum & 10.25 & -- \\\\\n\\bottomrule\n\\end{tabular}\n\
            \\par\\smallskip{\\footnotesize A note.\\par}\n\\end{table}\n";
        assert_eq!(table().to_latex("tab:layers-1", Some("MNIST")), expected);
    }

    #[test]
    fn latex_of_more_rows_than_a_page_is_a_long_table() {
        let mut long = table();
        long.rows = long.rows.iter().cycle().take(60).cloned().collect();
        let latex = long.to_latex("tab:x", None);
        assert!(
            latex.starts_with("\\begin{longtable}{lrr}\n\\caption{Layers.}\\label{tab:x}\\\\\n"),
            "{latex}"
        );
        assert!(latex.contains("\\end{longtable}") && !latex.contains("{table}"), "{latex}");
    }

    #[test]
    fn markdown_marks_numeric_columns_and_escapes_bars() {
        let expected = "## Layers\n\n\
            | layer    |     s | paper / ours |\n\
            | -------- | ----: | -----------: |\n\
            | Dense\\|3 |   0.5 |        12.3× |\n\
            | Sum      | 10.25 |            – |\n\nA note.\n";
        assert_eq!(table().to_markdown(), expected);
    }

    #[test]
    fn signs_with_a_meaning_are_replaced_once() {
        assert_eq!(
            latex_escaped(r"50 % of a_b & {c} \ #1 $x^~"),
            "50 \\% of a\\_b \\& \\{c\\} \\textbackslash{} \\#1 \\$x\\textasciicircum{}\\textasciitilde{}"
        );
    }

    #[test]
    fn signs_of_the_reports_become_commands() {
        assert_eq!(latex_escaped("50–60 %, 2.5×, m² ≥ 3"), "50--60 \\%, 2.5$\\times$, m$^2$ $\\geq$ 3");
        assert_eq!(latex_escaped("two\nlines <b>"), "two lines \\textless{}b\\textgreater{}");
    }
}
