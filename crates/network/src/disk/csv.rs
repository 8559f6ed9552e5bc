//! Rows of integers as CSV without a header.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::str::FromStr;

use crate::disk::error::DiskError;

/// Writes one line per row, with values separated by commas.
pub(crate) fn encode<'a, T: Display + 'a>(rows: impl Iterator<Item = &'a [T]>) -> String {
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

/// Reads exactly `rows` lines of `columns` integers each and returns the values row by row. Blanks around a value are
/// allowed, blank lines are not. `path` is for errors.
pub(crate) fn decode<T: FromStr>(
    path: &Path,
    text: &str,
    rows: usize,
    columns: usize,
) -> Result<Vec<T>, DiskError> {
    // A manifest may claim any size, so the capacity is at most what the text can hold.
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
