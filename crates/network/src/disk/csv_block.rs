//! Rows of integers as CSV without a header.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::str::FromStr;

use super::DiskError;

/// One line per row, values separated by commas.
pub fn encode<'a, T: Display + 'a>(rows: impl Iterator<Item = &'a [T]>) -> String {
    let mut text = String::new();
    for row in rows {
        for (column, value) in row.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = write!(text, "{}{value}", if column == 0 { "" } else { "," });
        }
        text.push('\n');
    }
    text
}

/// The values of exactly `rows` lines of `columns` integers each, row by row. Blanks around a value are
/// allowed, blank lines are not.
pub fn decode<T: FromStr>(path: &Path, text: &str, rows: usize, columns: usize) -> Result<Vec<T>, DiskError> {
    // No more than the text can hold, whatever a manifest claims.
    let mut values = Vec::with_capacity(text.len().div_ceil(2).min(rows.saturating_mul(columns)));
    let mut lines = 0;
    for (record, line) in text.lines().zip(1..) {
        let found = record.split(',').count();
        if found != columns {
            return Err(DiskError::Values { path: path.to_owned(), line, found, needed: columns });
        }
        for (value, column) in record.split(',').zip(1..) {
            let not_integer = |_| DiskError::NotInteger {
                path: path.to_owned(),
                line,
                column,
                found: value.trim().chars().take(40).collect(),
            };
            values.push(value.trim().parse().map_err(not_integer)?);
        }
        lines = line;
    }
    if lines == rows {
        Ok(values)
    } else {
        Err(DiskError::Lines { path: path.to_owned(), found: lines, needed: rows })
    }
}
