//! Axes of a sweep: fields of the configuration with the values that they take.

use toml::{Table, Value};

use super::check::repeated;

/// Largest number of values on one axis; more come from a mistake in `step`.
const MAX_VALUES: usize = 100_000;

/// A field of the configuration with the values that it takes.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The path of the field, such as `training.logit_bits`.
    pub path: String,
    pub values: Vec<Value>,
}

impl Axis {
    /// The values as records write them.
    pub fn value_texts(&self) -> Vec<String> {
        self.values.iter().map(|value| value_text(&self.path, value)).collect()
    }
}

/// Axes that vary together, at least one; all have the same number of values. An axis that varies by itself is a group of one.
pub type Group = Vec<Axis>;

/// The number of values of each axis of a group.
pub fn group_length(group: &Group) -> usize {
    group.first().map_or(0, |axis| axis.values.len())
}

/// A mistake in `[sweep]`.
#[derive(Debug)]
pub struct AxisError {
    /// The path of the field at fault, below `[sweep]`.
    pub path: Vec<String>,
    pub message: String,
}

impl AxisError {
    fn at(path: &[String], message: impl Into<String>) -> Self {
        Self { path: path.to_vec(), message: message.into() }
    }

    fn in_zip(message: impl Into<String>) -> Self {
        Self { path: vec![ZIP.to_owned()], message: message.into() }
    }
}

/// The key of axes that vary together.
const ZIP: &str = "zip";

/// Fields of an experiment that cannot be axes, with the reason.
const FIXED: [(&str, &str); 6] = [
    ("name", "a sweep has one name"),
    ("base", "a sweep has one base"),
    ("sweep", "a sweep cannot contain a sweep"),
    ("elapsed", "elapsed time is measured by `sottovoce reproduce` only"),
    ("bits", "make `training.logit_bits` an axis"),
    ("ensemble.seeds", "seeds are the replicates of every point; write them in `ensemble.seeds`"),
];

/// Reads the groups of axes from the table `[sweep]`, in its order.
///
/// # Errors
/// If an entry is no axis, an axis has no values or a value twice, axes that vary together differ in length, or two axes
/// give the same field.
pub fn groups(sweep: &Table) -> Result<Vec<Group>, AxisError> {
    let mut groups = Vec::new();
    axes(sweep, &mut Vec::new(), &mut |axis| groups.push(vec![axis]))?;
    match sweep.get(ZIP) {
        None => {}
        Some(Value::Table(table)) => groups.push(zipped(table)?),
        Some(Value::Array(tables)) => {
            for table in tables {
                let Value::Table(table) = table else { return Err(no_tables()) };
                groups.push(zipped(table)?);
            }
        }
        Some(_) => return Err(no_tables()),
    }
    let mut seen: Vec<&str> = Vec::new();
    for axis in groups.iter().flatten() {
        for earlier in &seen {
            let within = |outer: &str, inner: &str| {
                inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            };
            if within(earlier, &axis.path) || within(&axis.path, earlier) {
                let message = format!("and the axis `{earlier}` give the same field; keep one of them");
                return Err(AxisError { path: vec![axis.path.clone()], message });
            }
        }
        seen.push(&axis.path);
    }
    Ok(groups)
}

fn no_tables() -> AxisError {
    AxisError::in_zip(
        "must be a list of tables, each with the axes that vary together, such as \
         [{ \"data.name\" = [\"mnist\", \"kmnist\"], \"data.path\" = [\"a\", \"b\"] }]",
    )
}

/// Reads a group of axes that vary together.
fn zipped(table: &Table) -> Result<Group, AxisError> {
    let mut group = Vec::new();
    axes(table, &mut Vec::new(), &mut |axis| group.push(axis))?;
    let lengths: Vec<String> =
        group.iter().map(|axis: &Axis| format!("`{}` has {}", axis.path, axis.values.len())).collect();
    if group.is_empty() {
        return Err(AxisError::in_zip("has a table without axes"));
    }
    if group.iter().any(|axis| axis.values.len() != group_length(&group)) {
        return Err(AxisError::in_zip(format!("has axes of different lengths: {}", lengths.join(", "))));
    }
    Ok(group)
}

/// Calls `add` for every axis in `table`, which is at the path `above`. Nested tables are parts of a path, unless they are steps.
fn axes(table: &Table, above: &mut Vec<String>, add: &mut impl FnMut(Axis)) -> Result<(), AxisError> {
    for (key, value) in table {
        if above.is_empty() && key == ZIP {
            continue;
        }
        above.push(key.clone());
        let path = above.join(".");
        match value {
            Value::Table(inner) if !inner.contains_key("from") => axes(inner, above, add)?,
            value => {
                if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| {
                    path.strip_prefix(fixed).is_some_and(|r| r.is_empty() || r.starts_with('.'))
                }) {
                    return Err(AxisError::at(above, format!("cannot be an axis: {reason}")));
                }
                let values = values(value).map_err(|message| AxisError::at(above, message))?;
                // The axis takes the values of the lists `splits` and `shares` one by one.
                let path = match path.as_str() {
                    "ensemble.splits" => "ensemble.split".to_owned(),
                    "ensemble.shares" => "ensemble.share".to_owned(),
                    _ => path,
                };
                add(Axis { path, values });
            }
        }
        above.pop();
    }
    Ok(())
}

/// Reads the values of an axis.
fn values(value: &Value) -> Result<Vec<Value>, String> {
    let values = match value {
        Value::Array(values) => values.clone(),
        Value::Table(steps) => stepped(steps)?,
        single => {
            return Err(format!(
                "is {single}, but an axis is a list of values, or steps such as {{ from = 1, to = 7, step = 1 }}"
            ));
        }
    };
    if values.is_empty() {
        return Err("has no values".to_owned());
    }
    match repeated(&values) {
        Some(value) => Err(format!("holds {value} twice")),
        None => Ok(values),
    }
}

/// Computes the values from `from` up to `to`: each is the last one plus `step`, or times `factor`.
fn stepped(table: &Table) -> Result<Vec<Value>, String> {
    const FORM: &str =
        "steps are written { from = 1, to = 7, step = 1 } or { from = 0.1, to = 100, factor = 10 }";
    if let Some(other) = table.keys().find(|key| !["from", "to", "step", "factor"].contains(&key.as_str())) {
        return Err(format!("has the unknown field `{other}`; {FORM}"));
    }
    let number = |key: &str| match table.get(key) {
        Some(Value::Integer(number)) => Ok(Some(*number as f64)),
        Some(Value::Float(number)) if number.is_finite() => Ok(Some(*number)),
        Some(other) => Err(format!("has {key} = {other}, which is not a number; {FORM}")),
        None => Ok(None),
    };
    let whole =
        ["from", "step", "factor"].iter().all(|key| !matches!(table.get(*key), Some(Value::Float(_))));
    let (Some(from), Some(to)) = (number("from")?, number("to")?) else {
        return Err(format!("needs both `from` and `to`; {FORM}"));
    };
    let (step, factor) = match (number("step")?, number("factor")?) {
        (Some(step), None) if step > 0.0 => (step, 1.0),
        (None, Some(factor)) if factor > 1.0 && from > 0.0 => (0.0, factor),
        (None, None) if whole => (1.0, 1.0),
        _ => {
            return Err(format!(
                "needs either a `step` above 0 or a `factor` above 1 with `from` above 0; {FORM}"
            ));
        }
    };
    if to < from {
        return Err(format!("goes from {from} to {to}; `to` must not be smaller"));
    }
    // Binary fractions are rounded: a last value that exceeds `to` by this part of it still counts.
    let slack = 1e-9;
    let mut values = Vec::new();
    loop {
        let index = values.len();
        let value = if factor > 1.0 { from * factor.powi(index as i32) } else { from + index as f64 * step };
        if value > to + (to.abs().max(step) * slack) {
            return Ok(values);
        }
        if index == MAX_VALUES {
            return Err(format!("has more than {MAX_VALUES} values; choose a larger step"));
        }
        // Rounded to twelve digits, so that 0.1 + 2 x 0.1 is 0.3.
        let rounded: f64 = format!("{value:.11e}").parse().unwrap_or(value);
        values.push(if whole { Value::Integer(rounded as i64) } else { Value::Float(rounded) });
    }
}

/// Sets the field at the dotted `path` of `table` to `value`. Missing tables on the way are created; a number in the path is an
/// index into a list.
///
/// # Errors
/// If the path leads through a field that is not a table, or to an index that the list does not have.
pub fn set_field(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    // One split and one range of shares are lists of one.
    let (path, value) = if let Some(rest) = path.strip_prefix("ensemble.split.") {
        let mut inner = Table::new();
        set_field(&mut inner, rest, value)?;
        ("ensemble.splits", Value::Array(vec![Value::Table(inner)]))
    } else {
        match path {
            "ensemble.split" => ("ensemble.splits", Value::Array(vec![value])),
            "ensemble.share" => ("ensemble.shares", Value::Array(vec![value])),
            path => (path, value),
        }
    };
    let parts: Vec<&str> = path.split('.').collect();
    set_at(table, &parts, value).map_err(|message| format!("`{path}` {message}"))
}

fn set_at(table: &mut Table, parts: &[&str], value: Value) -> Result<(), String> {
    match parts {
        [] => Ok(()),
        [last] => {
            table.insert((*last).to_owned(), value);
            Ok(())
        }
        [first, rest @ ..] => match (table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest)
        {
            (Value::Table(inner), rest) => set_at(inner, rest, value),
            (Value::Array(list), [index]) => {
                let length = list.len();
                let item = index.parse().ok().and_then(|index: usize| list.get_mut(index));
                *item.ok_or_else(|| {
                    let last = length.saturating_sub(1);
                    format!("must end in an index from 0 to {last}, because the list has {length} values")
                })? = value;
                Ok(())
            }
            _ => Err("leads through a field that is not a table".to_owned()),
        },
    }
}

/// Writes a value of the field `path` as records and point names do: numbers and words unchanged, a list with `-` between
/// its values, a range of shares with equal ends as one number.
pub fn value_text(path: &str, value: &Value) -> String {
    if let Value::Array(ends) = value
        && let [low, high] = ends.as_slice()
        && path == "ensemble.share"
        && low == high
    {
        return value_text(path, low);
    }
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => {
            let nested = values.iter().any(Value::is_array);
            let inner = |value: &Value| match value {
                Value::Array(values) if nested => {
                    values.iter().map(|value| value_text(path, value)).collect::<Vec<_>>().join(".")
                }
                value => value_text(path, value),
            };
            values.iter().map(inner).collect::<Vec<_>>().join("-")
        }
        Value::Table(table) => table
            .iter()
            .map(|(key, value)| format!("{key}-{}", value_text(path, value)))
            .collect::<Vec<_>>()
            .join("-"),
        // The shortest decimal that reads back as the same number, without an exponent.
        Value::Float(number) => format!("{number}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes_of(text: &str) -> Result<Vec<Group>, AxisError> {
        groups(&toml::from_str(text).unwrap())
    }

    fn texts(group: &Group) -> Vec<String> {
        group
            .iter()
            .map(|a| a.values.iter().map(|v| value_text(&a.path, v)).collect::<Vec<_>>().join(" "))
            .collect()
    }

    #[test]
    fn axes_are_lists_or_steps_of_any_field_in_the_order_of_the_file() {
        let found = axes_of(
            "\"training.logit_bits\" = [24, 26]\ntraining.clip = { from = 0.1, to = 0.3, step = 0.1 }\n\
             \"ensemble.members\" = { from = 1, to = 3 }\n\"ensemble.split.dirichlet\" = { from = 0.1, to = 10, factor = 10 }\n\
             \"ensemble.share\" = [[0.5, 0.6], [0.7, 0.7]]\n",
        )
        .unwrap();
        let paths: Vec<&str> = found.iter().map(|group| group[0].path.as_str()).collect();
        assert_eq!(
            paths,
            [
                "training.logit_bits",
                "training.clip",
                "ensemble.members",
                "ensemble.split.dirichlet",
                "ensemble.share"
            ]
        );
        let values: Vec<String> = found.iter().flat_map(texts).collect();
        assert_eq!(values, ["24 26", "0.1 0.2 0.3", "1 2 3", "0.1 1 10", "0.5-0.6 0.7"]);
    }

    #[test]
    fn axes_that_vary_together_have_equal_lengths() {
        let found =
            axes_of("zip = [{ \"data.name\" = [\"a\", \"b\"], data.path = [\"c\", \"d\"] }]").unwrap();
        assert_eq!(texts(&found[0]), ["a b", "c d"]);
        let error = axes_of("zip = { \"data.name\" = [\"a\"], data.path = [\"c\", \"d\"] }").unwrap_err();
        assert_eq!(error.path, ["zip"]);
        assert!(error.message.contains("`data.name` has 1, `data.path` has 2"), "{error:?}");
    }

    #[test]
    fn wrong_axes_are_refused_with_their_paths() {
        for (text, path, words) in [
            ("training.clip = 0.5", "training.clip", "is 0.5, but an axis is a list of values"),
            ("training.clip = []", "training.clip", "has no values"),
            ("training.clip = [1.0, 1.0]", "training.clip", "holds 1.0 twice"),
            ("training.clip = { from = 1, to = 0 }", "training.clip", "goes from 1 to 0"),
            ("training.clip = { from = 0.1, to = 1.0 }", "training.clip", "needs either a `step`"),
            (
                "training.clip = { from = 0.0, to = 1.0, step = 1e-9 }",
                "training.clip",
                "more than 100000 values",
            ),
            ("training.clip = { from = 1, to = 2, steps = 3 }", "training.clip", "unknown field `steps`"),
            ("ensemble.seeds = [1, 2]", "ensemble.seeds", "seeds are the replicates"),
            ("name = [\"a\"]", "name", "cannot be an axis"),
            ("zip = 3", "zip", "must be a list of tables"),
            (
                "ensemble.split = [\"random\"]\n\"ensemble.split.dirichlet\" = [1.0]",
                "ensemble.split.dirichlet",
                "the same field",
            ),
        ] {
            let error = axes_of(text).unwrap_err();
            assert_eq!(error.path.join("."), path, "{text}");
            assert!(error.message.contains(words), "{error:?}");
        }
    }

    #[test]
    fn a_field_is_set_at_its_path() {
        let mut table: Table = toml::from_str("[training]\nlargest_weights = [3, 3, 7]\n").unwrap();
        set_field(&mut table, "training.largest_weights.1", Value::Integer(1)).unwrap();
        set_field(&mut table, "ensemble.split.dirichlet", Value::Float(0.5)).unwrap();
        set_field(&mut table, "ensemble.share", Value::Float(0.5)).unwrap();
        let expected = "[training]\nlargest_weights = [3, 1, 7]\n[ensemble]\nsplits = [{ dirichlet = 0.5 }]\nshares = [0.5]\n";
        assert_eq!(table, toml::from_str(expected).unwrap());
        let error = set_field(&mut table, "training.largest_weights.3", Value::Integer(1)).unwrap_err();
        assert!(error.contains("from 0 to 2"), "{error}");
        let error = set_field(&mut table, "training.largest_weights.1.x", Value::Integer(1)).unwrap_err();
        assert!(error.contains("not a table"), "{error}");
    }
}
