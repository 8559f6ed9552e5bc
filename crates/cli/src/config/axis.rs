//! Axes of a sweep: fields of the configuration with the values that they take.

use toml::{Table, Value};

/// More values than this on one axis are a slip of `step`.
const MOST_VALUES: usize = 100_000;

/// A field with several values.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// The field, such as `training.logit_bits`.
    pub path: String,
    pub values: Vec<Value>,
}

impl Axis {
    /// Its values as records write them.
    pub fn texts(&self) -> Vec<String> {
        self.values.iter().map(|value| text(&self.path, value)).collect()
    }
}

/// Axes that vary together: all have the same number of values. An axis alone is a group of its own.
pub type Group = Vec<Axis>;

/// A mistake in `[sweep]`: the path to the field below it, and the message.
pub type AxisError = (Vec<String>, String);

/// The key of axes that vary together.
const ZIP: &str = "zip";

/// Fields of an experiment that a point has no value of its own for.
const FIXED: [(&str, &str); 6] = [
    ("name", "the name is that of the whole sweep"),
    ("base", "the base is that of the whole sweep"),
    ("sweep", "a sweep has no sweep in it"),
    ("elapsed", "elapsed time is measured by `sottovoce reproduce` only"),
    ("bits", "make `training.logit_bits` an axis"),
    ("ensemble.seeds", "seeds are the replicates of every point; write them in `ensemble.seeds`"),
];

/// The groups of axes that the table `[sweep]` says, in its order.
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
                return Err((vec![axis.path.clone()], message));
            }
        }
        seen.push(&axis.path);
    }
    Ok(groups)
}

fn no_tables() -> AxisError {
    let message = "must be a list of tables, each with the axes that vary together, such as \
                   [{ \"data.name\" = [\"mnist\", \"kmnist\"], \"data.path\" = [\"a\", \"b\"] }]";
    (vec![ZIP.to_owned()], message.to_owned())
}

fn zipped(table: &Table) -> Result<Group, AxisError> {
    let mut group = Vec::new();
    axes(table, &mut Vec::new(), &mut |axis| group.push(axis))?;
    let lengths: Vec<String> =
        group.iter().map(|axis: &Axis| format!("`{}` has {}", axis.path, axis.values.len())).collect();
    if group.windows(2).any(|pair| pair[0].values.len() != pair[1].values.len()) {
        let message = format!("has axes of different lengths: {}", lengths.join(", "));
        return Err((vec![ZIP.to_owned()], message));
    }
    if group.is_empty() {
        return Err((vec![ZIP.to_owned()], "has a table without axes".to_owned()));
    }
    Ok(group)
}

/// The axes in a table. Nested tables are paths, unless they are steps.
fn axes(table: &Table, above: &mut Vec<String>, found: &mut impl FnMut(Axis)) -> Result<(), AxisError> {
    for (key, value) in table {
        if above.is_empty() && key == ZIP {
            continue;
        }
        above.push(key.clone());
        let path = above.join(".");
        match value {
            Value::Table(inner) if !inner.contains_key("from") => axes(inner, above, found)?,
            value => {
                if let Some((_, reason)) = FIXED.iter().find(|(fixed, _)| {
                    path.strip_prefix(fixed).is_some_and(|r| r.is_empty() || r.starts_with('.'))
                }) {
                    return Err((above.clone(), format!("cannot be an axis: {reason}")));
                }
                let values = values(value).map_err(|message| (above.clone(), message))?;
                // `splits` and `shares` are lists of what the axes take one by one.
                let path = match path.as_str() {
                    "ensemble.splits" => "ensemble.split".to_owned(),
                    "ensemble.shares" => "ensemble.share".to_owned(),
                    _ => path,
                };
                found(Axis { path, values });
            }
        }
        above.pop();
    }
    Ok(())
}

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
    let twice = values.iter().enumerate().find(|(index, value)| values[..*index].contains(value));
    match twice {
        Some((_, value)) => Err(format!("holds {value} twice")),
        None => Ok(values),
    }
}

/// The values from `from` up to `to`, by adding `step` or multiplying with `factor`.
fn stepped(table: &Table) -> Result<Vec<Value>, String> {
    const FORM: &str =
        "steps are written { from = 1, to = 7, step = 1 } or { from = 0.1, to = 100, factor = 10 }";
    if let Some(other) = table.keys().find(|key| !["from", "to", "step", "factor"].contains(&key.as_str())) {
        return Err(format!("has the unknown field `{other}`; {FORM}"));
    }
    let number = |key: &str| match table.get(key) {
        Some(Value::Integer(number)) => Ok(Some(*number as f64)),
        Some(Value::Float(number)) if number.is_finite() => Ok(Some(*number)),
        Some(other) => Err(format!("has {key} = {other}, which is no number; {FORM}")),
        None => Ok(None),
    };
    let whole =
        ["from", "step", "factor"].iter().all(|key| !matches!(table.get(*key), Some(Value::Float(_))));
    let (Some(from), Some(to)) = (number("from")?, number("to")?) else {
        return Err(format!("has no `to`; {FORM}"));
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
    // Rounding errors of binary fractions must not keep the last value out.
    let slack = 1.0 + 1e-9;
    let mut values = Vec::new();
    loop {
        let index = values.len();
        let value = if factor > 1.0 { from * factor.powi(index as i32) } else { from + index as f64 * step };
        if value > to + (to.abs().max(step) * (slack - 1.0)) {
            return Ok(values);
        }
        if index == MOST_VALUES {
            return Err(format!("has more than {MOST_VALUES} values; choose a larger step"));
        }
        // Twelve digits: 0.1 + 2 x 0.1 is written 0.3.
        let rounded: f64 = format!("{value:.11e}").parse().unwrap_or(value);
        values.push(if whole { Value::Integer(rounded as i64) } else { Value::Float(rounded) });
    }
}

/// Puts `value` at the dotted `path` of `table`. Tables that are missing on the way are made; a number in the path is a place in
/// a list.
pub fn put(table: &mut Table, path: &str, value: Value) -> Result<(), String> {
    // One split and one range of shares are lists of one.
    let (path, value) = match path.strip_prefix("ensemble.split") {
        Some("") => ("ensemble.splits".to_owned(), Value::Array(vec![value])),
        Some(rest) if rest.starts_with('.') => {
            let mut inner = Table::new();
            put(&mut inner, &rest[1..], value)?;
            ("ensemble.splits".to_owned(), Value::Array(vec![Value::Table(inner)]))
        }
        _ if path == "ensemble.share" => ("ensemble.shares".to_owned(), Value::Array(vec![value])),
        _ => (path.to_owned(), value),
    };
    let parts: Vec<&str> = path.split('.').collect();
    put_at(table, &parts, value).map_err(|message| format!("`{path}` {message}"))
}

fn put_at(table: &mut Table, parts: &[&str], value: Value) -> Result<(), String> {
    match parts {
        [] => Ok(()),
        [last] => {
            table.insert((*last).to_owned(), value);
            Ok(())
        }
        [first, rest @ ..] => match (table.entry(*first).or_insert_with(|| Value::Table(Table::new())), rest)
        {
            (Value::Table(inner), rest) => put_at(inner, rest, value),
            (Value::Array(list), [place]) => {
                let length = list.len();
                let item = place.parse().ok().and_then(|place: usize| list.get_mut(place));
                *item.ok_or_else(|| {
                    let last = length.saturating_sub(1);
                    format!("must end in a place from 0 to {last}, since the list has {length} values")
                })? = value;
                Ok(())
            }
            _ => Err("leads through a field that is no table".to_owned()),
        },
    }
}

/// A value as records and names write it: numbers and words as they are, numbers of a list with `-` between them.
pub fn text(path: &str, value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(ends) if path == "ensemble.share" && ends.len() == 2 && ends[0] == ends[1] => {
            text(path, &ends[0])
        }
        Value::Array(values) => {
            let nested = values.iter().any(Value::is_array);
            let inner = |value: &Value| match value {
                Value::Array(values) if nested => {
                    values.iter().map(|value| text(path, value)).collect::<Vec<_>>().join(".")
                }
                value => text(path, value),
            };
            values.iter().map(inner).collect::<Vec<_>>().join("-")
        }
        Value::Table(table) => table
            .iter()
            .map(|(key, value)| format!("{key}-{}", text(path, value)))
            .collect::<Vec<_>>()
            .join("-"),
        // As the shortest decimal that reads back the same, without an exponent.
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
            .map(|a| a.values.iter().map(|v| text(&a.path, v)).collect::<Vec<_>>().join(" "))
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
        let (path, message) =
            axes_of("zip = { \"data.name\" = [\"a\"], data.path = [\"c\", \"d\"] }").unwrap_err();
        assert_eq!(path, ["zip"]);
        assert!(message.contains("`data.name` has 1, `data.path` has 2"), "{message}");
    }

    #[test]
    fn what_is_no_axis_is_refused_with_its_path() {
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
            let (found, message) = axes_of(text).unwrap_err();
            assert_eq!(found.join("."), path, "{text}");
            assert!(message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_value_is_put_where_its_path_leads() {
        let mut table: Table = toml::from_str("[training]\nlargest_weights = [3, 3, 7]\n").unwrap();
        put(&mut table, "training.largest_weights.1", Value::Integer(1)).unwrap();
        put(&mut table, "ensemble.split.dirichlet", Value::Float(0.5)).unwrap();
        put(&mut table, "ensemble.share", Value::Float(0.5)).unwrap();
        let expected = "[training]\nlargest_weights = [3, 1, 7]\n[ensemble]\nsplits = [{ dirichlet = 0.5 }]\nshares = [0.5]\n";
        assert_eq!(table, toml::from_str(expected).unwrap());
        let error = put(&mut table, "training.largest_weights.3", Value::Integer(1)).unwrap_err();
        assert!(error.contains("from 0 to 2"), "{error}");
        let error = put(&mut table, "training.largest_weights.1.x", Value::Integer(1)).unwrap_err();
        assert!(error.contains("no table"), "{error}");
    }
}
