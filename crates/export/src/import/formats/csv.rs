//! Numbers in text: separated by commas, semicolons or blanks, or one on each line.

use std::path::Path;

use super::tensor::Tensor;
use super::weights_file::WeightsFile;
use crate::import::error::ImportError;

/// Smallest number of values counted up from 0 or 1 that are an index: trained weights are not 0, 1, 2.
const MIN_COUNTED: usize = 3;

/// Number of lines that are searched for names among the numbers.
const LINES_FOR_NAMES: usize = 6;

/// A line with values.
struct Record<'a> {
    /// Number of the line, from 1.
    line: usize,
    fields: Vec<&'a str>,
}

/// Reads the numbers of a file; `line` takes only one line.
///
/// # Errors
/// If the file is not UTF-8, or as [`parse`].
pub fn read(file: &WeightsFile<'_>, line: Option<&str>) -> Result<Tensor, ImportError> {
    let text = std::str::from_utf8(file.bytes).map_err(|_| ImportError::Malformed {
        file: file.name(),
        reason: "it is not text in UTF-8".to_owned(),
    })?;
    parse(file.path, text, line)
}

/// Parses the numbers in `text`, separated by commas, semicolons or blanks. Lines of equally many numbers are a
/// table, `[lines, numbers]`. If only the last line is shorter, the text is a wrapped list. Blank lines, lines that
/// begin with `#`, and a separator at the end of a line are ignored. Numbers may be in double quotes.
///
/// `line` takes only one line, counted without the ignored ones.
///
/// # Errors
/// If a value is not a number, a table has a header or an index, a line has commas and semicolons, a line is longer
/// or shorter than those before it, or there is no such line.
fn parse(path: &Path, text: &str, line: Option<&str>) -> Result<Tensor, ImportError> {
    // Programs on Windows often write a byte order mark first.
    let lines = text.lines().zip(1..).map(|(text, line)| (text.trim_start_matches('\u{feff}').trim(), line));
    let lines = lines.filter(|(text, _)| !text.is_empty() && !text.starts_with('#'));
    let record = |(text, line)| fields(path, text, line).map(|fields| Record { line, fields });
    let head = lines.clone().take(LINES_FOR_NAMES).map(record).collect::<Result<Vec<_>, _>>()?;
    check_names(path, &head)?;
    let mut rows: Vec<(usize, Vec<f64>)> = Vec::new();
    for line in lines {
        rows.push((line.1, numbers(path, &record(line)?)?));
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
    let differs = rows.iter().enumerate().find(|(_, (_, row))| row.len() != columns);
    let shape = match differs {
        // One number on each line is a list.
        None if rows.len() == 1 || columns == 1 => vec![rows.len() * columns],
        None => {
            check_index(path, &rows)?;
            vec![rows.len(), columns]
        }
        Some((index, (_, row))) if index == last && row.len() < columns => {
            vec![last * columns + row.len()]
        }
        Some((_, (line, row))) => {
            return Err(ImportError::UnevenLines {
                path: path.to_owned(),
                line: *line,
                found: row.len(),
                expected: columns,
            });
        }
    };
    let doubt = if line.is_none() { doubt(&head, &rows) } else { String::new() };
    let values = rows.into_iter().flat_map(|(_, row)| row).collect();
    Ok(Tensor::new(origin, shape, values)?.with_doubt(doubt))
}

/// Returns the fields of one line.
fn fields<'a>(path: &Path, text: &'a str, line: usize) -> Result<Vec<&'a str>, ImportError> {
    // Some programs write a separator at the end of each line.
    let text = text.strip_suffix([',', ';']).unwrap_or(text);
    // Blanks around separators are ignored. Nothing between two commas is a missing number.
    let fields: Vec<&str> = match (text.contains(','), text.contains(';')) {
        (true, true) => return Err(two_separators(path, text, line)),
        // A line of only one separator has two missing numbers.
        (false, false) if text.is_empty() => vec![text],
        (false, false) => text.split_whitespace().collect(),
        (true, false) => text.split(',').map(str::trim).collect(),
        (false, true) => text.split(';').map(str::trim).collect(),
    };
    if let Some(field) = fields.iter().find(|field| field.contains(char::is_whitespace))
        && text.contains(',')
        && text.split_whitespace().all(is_decimal_comma)
    {
        let reason = format!(
            "line {line}: {field:?} is not a number. In {} the commas are decimal commas, which cannot be \
             read: write decimal points",
            shortened(text)
        );
        return Err(ImportError::Malformed { file: path.display().to_string(), reason });
    }
    Ok(fields.into_iter().map(unquoted).collect())
}

/// Returns the error of a line with commas and semicolons.
fn two_separators(path: &Path, text: &str, line: usize) -> ImportError {
    let parts: Vec<&str> = text.split(';').map(|field| unquoted(field.trim())).collect();
    let decimal = parts.iter().all(|field| is_decimal_comma(field) || field.parse::<f64>().is_ok());
    let reason = if decimal {
        format!(
            "line {line} reads {}, with two separators, commas and semicolons. If the commas are decimal commas (`0,5` for a \
             half), write decimal points (`0.5`), in Python with `text.replace(\",\", \".\")` and in pandas with `to_csv(..., sep=\";\", \
             decimal=\".\")`. If semicolons end the rows of a matrix, write each row on a separate line",
            shortened(text)
        )
    } else {
        format!(
            "line {line} reads {}, with two separators, commas and semicolons; separate numbers by one of the two, write decimal \
             points, and write each row on a separate line",
            shortened(text)
        )
    };
    ImportError::Malformed { file: path.display().to_string(), reason }
}

/// Returns whether a field is a number with a decimal comma.
fn is_decimal_comma(field: &str) -> bool {
    let (whole, fraction) = match unquoted(field).split_once(',') {
        Some(parts) => parts,
        None => return false,
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let whole = whole.strip_prefix(['-', '+']).unwrap_or(whole);
    let (fraction, exponent) = fraction.split_once(['e', 'E']).unwrap_or((fraction, "0"));
    digits(whole) && digits(fraction) && exponent.parse::<i32>().is_ok()
}

/// Returns a field without its quotes.
fn unquoted(field: &str) -> &str {
    field.strip_prefix('"').and_then(|field| field.strip_suffix('"')).unwrap_or(field)
}

/// Returns the beginning of a line, in quotes.
fn shortened(text: &str) -> String {
    const MOST: usize = 40;
    let short: String = text.chars().take(MOST).collect();
    if short.len() < text.len() { format!("`{short}...`") } else { format!("`{short}`") }
}

/// Refuses a first line, or a first column, of names.
fn check_names(path: &Path, head: &[Record]) -> Result<(), ImportError> {
    let is_number = |field: &&str| field.parse::<f64>().is_ok();
    let Some((first, others)) = head.split_first() else { return Ok(()) };
    let Some(second) = others.first() else { return Ok(()) };
    // Rows that begin with a name have numbers after it.
    let names = others.iter().all(|record| {
        record.fields.split_first().is_some_and(|(name, numbers)| {
            !name.is_empty() && !is_number(name) && !numbers.is_empty() && numbers.iter().all(is_number)
        })
    });
    let header = !first.fields.iter().skip(usize::from(names)).all(is_number);
    let rest_is_numbers = names || second.fields.iter().all(is_number);
    let shown = |record: &Record| shortened(&record.fields.join(","));
    let part = match (header && rest_is_numbers, names) {
        (true, true) => {
            format!("line {} ({}) is a header, and the first column holds names", first.line, shown(first))
        }
        (true, false) => format!("line {} ({}) is a header, not numbers", first.line, shown(first)),
        (false, true) => {
            format!("the first column holds names, as in line {} ({})", second.line, shown(second))
        }
        (false, false) => return Ok(()),
    };
    Err(not_weights(path, part))
}

/// Refuses a table whose first column or first line counts up, because it is an index and no weights.
fn check_index(path: &Path, rows: &[(usize, Vec<f64>)]) -> Result<(), ImportError> {
    let Some((line, first)) = rows.first() else { return Ok(()) };
    let header = counts_up(first.iter().copied(), &[0.0]);
    // If the header counts too, the corner belongs to neither. Spreadsheets count rows from 1.
    let column = counts_up(rows.iter().map(|(_, row)| row.first().copied().unwrap_or(f64::NAN)), &[0.0, 1.0]);
    let from = first.first().copied().unwrap_or_default();
    let part = match (header, column) {
        (true, _) => format!("line {line} reads 0, 1, 2, ... as column names do"),
        (false, true) => {
            format!("the first column reads {from}, {}, {}, ... as an index does", from + 1.0, from + 2.0)
        }
        (false, false) => return Ok(()),
    };
    Err(not_weights(path, part))
}

/// Returns whether numbers count up by one, from one of `starts`.
fn counts_up(numbers: impl ExactSizeIterator<Item = f64> + Clone, starts: &[f64]) -> bool {
    let counted =
        |start: f64| numbers.clone().enumerate().all(|(index, number)| number == start + index as f64);
    numbers.len() >= MIN_COUNTED && starts.iter().any(|&start| counted(start))
}

/// Returns the error of a table that holds something else than weights.
fn not_weights(path: &Path, part: String) -> ImportError {
    let file = path.display().to_string();
    let reason = format!(
        "{part}; save only the numbers, in pandas with `frame.to_csv({file:?}, index=False, header=False)` and in NumPy with \
         `numpy.savetxt({file:?}, array, delimiter=\",\")`"
    );
    ImportError::Malformed { file, reason }
}

/// Returns a doubt about a table, which an error shows if the tensor does not fit. Small tables and lists prove
/// nothing.
fn doubt(head: &[Record], rows: &[(usize, Vec<f64>)]) -> String {
    let (Some(first), Some((_, row))) = (head.first(), rows.first()) else { return String::new() };
    let columns = row.len();
    let decimal_commas = |record: &Record| match record.fields.as_slice() {
        [whole, fraction] => is_decimal_comma(&format!("{whole},{fraction}")),
        _ => false,
    };
    if rows.len() > 1 && columns == 2 && head.iter().all(decimal_commas) {
        return format!(
            "; its lines look like numbers with decimal commas, such as `{}`: write decimal points",
            first.fields.join(",")
        );
    }
    if columns == 1 && rows.len() > 2 && first.fields == ["0"] && row == &[0.0] {
        return format!(
            "; its line {} reads `0`, as the header that pandas writes over a list without a name: save it with \
             `header=False`",
            first.line
        );
    }
    if columns == 2 && rows.len() > 2 && first.fields == ["0", "1"] {
        return format!(
            "; its line {} reads 0, 1, as a header does: save it with `header=False`",
            first.line
        );
    }
    let column: Vec<Option<&f64>> = rows.iter().take(3).map(|(_, row)| row.first()).collect();
    if columns > 1 && column == [Some(&0.0), Some(&1.0)] {
        return "; its first column reads 0, 1, as an index does: save it with `index=False`".to_owned();
    }
    String::new()
}

/// Parses the numbers of one line.
fn numbers(path: &Path, record: &Record) -> Result<Vec<f64>, ImportError> {
    record
        .fields
        .iter()
        .zip(1..)
        .map(|(field, column)| {
            field.parse().map_err(|_| ImportError::NotNumber {
                path: path.to_owned(),
                line: record.line,
                column,
                found: field.chars().take(40).collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        // A list that was wrapped after two numbers.
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

    #[test]
    fn numbers_may_be_in_quotes() {
        assert_eq!(shape_and_values("\"1\",\"2\"\n\"3\",\"4\"\n"), (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]));
    }

    #[test]
    fn names_of_rows_and_columns_are_no_numbers() {
        for (text, words) in [
            ("w0,w1\n1,2\n3,4", "line 1 (`w0,w1`) is a header, not numbers; save only the numbers"),
            ("# R\n\"\",\"V1\",\"V2\"\n\"1\",0.1,0.2\n\"2\",0.3,0.4", "line 2 (`,V1,V2`) is a header"),
            (
                "V1 V2\nu1 0.1 0.2\nu2 0.3 0.4",
                "line 1 (`V1,V2`) is a header, and the first column holds names",
            ),
            ("u1,0.1,0.2\nu2,0.3,0.4", "the first column holds names, as in line 2 (`u2,0.3,0.4`)"),
            ("1,0.5,0.2\n2,0.1,0.3\n3,0.2,0.4", "the first column reads 1, 2, 3, ... as an index does"),
        ] {
            let error = error(text, None);
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn small_tables_that_only_may_have_an_index_or_a_header_are_read_with_a_doubt() {
        let doubt = |text: &str| parse(Path::new("w.csv"), text, None).unwrap().doubt;
        assert!(doubt("0,0.5,0.25\n1,0.5,0.75").contains("its first column reads 0, 1"));
        assert!(doubt("0,1\n0.5,0.25\n0.5,0.75").contains("its line 1 reads 0, 1, as a header does"));
        for sound in ["0.5,0.25\n1,0.5", "0.0\n0.5\n0.75", "3,-5\n-2,7\n1,1"] {
            assert_eq!(doubt(sound), "");
        }
    }

    #[test]
    fn a_matrix_whose_rows_end_in_semicolons_is_read_line_by_line_alone() {
        assert_eq!(shape_and_values("1, 2;\n3, 4;\n"), (vec![2, 2], vec![1.0, 2.0, 3.0, 4.0]));
        assert!(error("1, 2; 3, 4", None).contains("write each row on a separate line"));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in "[0-9,;.\"\\- \te#x\n\u{feff}]{0,60}", line in prop::option::of("[0-9x]{0,3}")) {
            let _ = parse(Path::new("w.csv"), &text, line.as_deref());
        }
    }
}
