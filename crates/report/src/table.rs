//! A table, rendered as Markdown or as aligned text for a terminal. (`html` renders it, too.)

use std::fmt::Write as _;

/// A table of words and numbers. Rows have as many cells as the header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the table is about.
    pub title: String,
    /// Names of the columns, with units.
    pub header: Vec<String>,
    /// Cells, row by row.
    pub rows: Vec<Vec<String>>,
    /// What a reader must know to read the numbers right.
    pub notes: Vec<String>,
}

impl Table {
    /// The table as GitHub-flavoured Markdown; columns line up in the source as well.
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

    /// Which columns hold numbers alone.
    pub(crate) fn numeric_columns(&self) -> Vec<bool> {
        Columns::of(&self.header, &self.rows, 1).numeric
    }

    /// The table as text in columns, without trailing blanks.
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

/// Widths of columns in letters, and which ones hold numbers and are aligned to the right.
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

/// Whether a cell is a number, with or without a unit sign, or stands for a missing one.
fn is_number(cell: &str) -> bool {
    let number = cell.trim_end_matches(['×', '%', ' ']).replace(',', "");
    cell.is_empty() || cell == crate::tables::ABSENT || number.parse::<f64>().is_ok()
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
    fn markdown_marks_numeric_columns_and_escapes_bars() {
        let expected = "## Layers\n\n\
            | layer    |     s | paper / ours |\n\
            | -------- | ----: | -----------: |\n\
            | Dense\\|3 |   0.5 |        12.3× |\n\
            | Sum      | 10.25 |            – |\n\nA note.\n";
        assert_eq!(table().to_markdown(), expected);
    }
}
