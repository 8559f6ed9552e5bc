//! Numbers in text: CSV, or separated by blanks, or one on a line.

use std::path::Path;

use super::ImportError;
use super::tensor::Tensor;

/// The numbers in `text`, separated by commas, semicolons or blanks. Lines of equally many numbers make a table, `[lines,
/// numbers]`; a list that was wrapped, whose last line is shorter, is a list. Blank lines, lines that begin with
/// `#`, and a separator at a line's end are passed over.
///
/// `line` takes one line alone, counted without those that are passed over.
///
/// # Errors
/// If a value is no number, a line is longer or shorter than those before it, or there is no such line.
pub fn parse(path: &Path, text: &str, line: Option<&str>) -> Result<Tensor, ImportError> {
    let mut rows: Vec<(usize, Vec<f64>)> = Vec::new();
    for (record, number) in text.lines().zip(1..) {
        // Programs on Windows like to begin with a byte order mark.
        let record = record.trim_start_matches('\u{feff}').trim();
        if !record.is_empty() && !record.starts_with('#') {
            rows.push((number, values(path, record, number)?));
        }
    }
    let mut origin = path.display().to_string();
    if let Some(name) = line {
        let count = rows.len();
        let chosen = name.trim().parse().ok().and_then(|n: usize| n.checked_sub(1)).filter(|n| *n < count);
        let Some(index) = chosen else {
            return Err(ImportError::UnknownTensor {
                path: path.to_owned(),
                name: name.to_owned(),
                hint: String::new(),
                known: format!("{count} lines of numbers, to be named by their number from 1"),
            });
        };
        origin = format!("line {name} of {origin}");
        rows = vec![rows.swap_remove(index)];
    }
    let columns = rows.first().map_or(0, |(_, row)| row.len());
    let last = rows.len().saturating_sub(1);
    let differs = rows.iter().position(|(_, row)| row.len() != columns);
    let shape = match differs {
        // One number on each line is a list as well.
        None if rows.len() == 1 || columns == 1 => vec![rows.len() * columns],
        None => vec![rows.len(), columns],
        Some(index) if index == last && rows[index].1.len() < columns => {
            vec![last * columns + rows[index].1.len()]
        }
        Some(index) => {
            let (line, row) = &rows[index];
            return Err(ImportError::Ragged {
                path: path.to_owned(),
                line: *line,
                found: row.len(),
                expected: columns,
            });
        }
    };
    Tensor::new(origin, shape, rows.into_iter().flat_map(|(_, row)| row).collect())
}

/// The numbers of one line.
fn values(path: &Path, record: &str, line: usize) -> Result<Vec<f64>, ImportError> {
    // One separator at the end is how some programs write a line.
    let record = record.strip_suffix([',', ';']).unwrap_or(record);
    // Between commas there may be blanks, and nothing between two commas is a number that is missing.
    let separated = record.contains([',', ';']);
    let fields: Vec<&str> = match separated {
        true => record.split([',', ';']).map(str::trim).collect(),
        false => record.split_whitespace().collect(),
    };
    fields
        .iter()
        .zip(1..)
        .map(|(field, column)| {
            field.parse().map_err(|_| ImportError::NotNumber {
                path: path.to_owned(),
                line,
                column,
                found: field.chars().take(40).collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_and_values(text: &str) -> (Vec<usize>, Vec<f64>) {
        let tensor = parse(Path::new("w.csv"), text, None).unwrap();
        (tensor.shape, tensor.values)
    }

    fn error(text: &str, line: Option<&str>) -> String {
        parse(Path::new("w.csv"), text, line).unwrap_err().to_string()
    }

    #[test]
    fn commas_blanks_and_lines_separate_numbers() {
        let table = (vec![2, 3], vec![1.0, -2.0, 0.5, 4.0, 5e-3, 6.0]);
        assert_eq!(shape_and_values("1,-2,.5\n4,5e-3,6\n"), table);
        assert_eq!(shape_and_values("# kernels\r\n1; -2; 0.5;\r\n\r\n 4 ; 5e-3 ; 6\r\n"), table);
        assert_eq!(shape_and_values("\u{feff}1 -2\t0.5\n4  5e-3 6"), table);
        assert_eq!(shape_and_values("1\n2\n3\n"), (vec![3], vec![1.0, 2.0, 3.0]));
        assert_eq!(shape_and_values("1 2 3"), (vec![3], vec![1.0, 2.0, 3.0]));
        // A list wrapped after two numbers.
        assert_eq!(shape_and_values("1, 2,\n3, 4,\n5"), (vec![5], vec![1.0, 2.0, 3.0, 4.0, 5.0]));
    }

    #[test]
    fn one_line_may_be_taken_alone() {
        let text = "1,2\n\n3,4,5\n";
        let tensor = parse(Path::new("w.csv"), text, Some("2")).unwrap();
        assert_eq!((tensor.shape, tensor.values), (vec![3], vec![3.0, 4.0, 5.0]));
        assert_eq!(
            error(text, Some("3")),
            "w.csv holds no tensor \"3\"; it holds 2 lines of numbers, to be named by their number from 1"
        );
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        assert_eq!(error("1,2\n1,x,3", None), "w.csv, line 2, value 2: \"x\" is not a number");
        assert_eq!(error("1,,3", None), "w.csv, line 1, value 2: \"\" is not a number");
        assert_eq!(error("1,2\n3\n4,5", None), "w.csv, line 2: 1 values, but the lines before it have 2");
        assert_eq!(error("1\n2,3", None), "w.csv, line 2: 2 values, but the lines before it have 1");
        assert_eq!(error("# nothing\n", None), "w.csv is empty");
        assert!(error("1,nan", None).contains("holds NaN at [1]"));
    }
}
