//! Fields of two records that differ.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::data::values::{distinct, json_at};

/// A field whose values differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldDifference {
    /// The path of the field, such as `training.batch`.
    pub field: String,
    /// Values in the first and in the second record; `None` if the record lacks the field.
    pub values: [Option<String>; 2],
    /// Number of common settings in which the field differs, and number of common settings; `None` if a run has one value.
    pub settings: Option<[usize; 2]>,
}

/// Values by the path of their field.
pub(crate) type Fields = BTreeMap<String, String>;

/// All fields of a TOML file by path. An array is one value.
pub(crate) fn toml_fields(text: Option<&str>) -> Fields {
    fn flatten(path: &str, value: &toml::Value, fields: &mut Fields) {
        match value {
            toml::Value::Table(table) => {
                for (name, value) in table {
                    flatten(&joined(path, name), value, fields);
                }
            }
            value => {
                fields.insert(path.to_owned(), value.to_string());
            }
        }
    }
    let table = text.and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let mut fields = Fields::new();
    flatten("", &toml::Value::Table(table), &mut fields);
    fields
}

/// Adds all fields of a JSON value by path. An array is one value; `null` is left out.
pub(crate) fn json_fields(path: &str, value: &Value, fields: &mut Fields) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                json_fields(&joined(path, name), value, fields);
            }
        }
        Value::Null => {}
        value => {
            fields.insert(path.to_owned(), plain(value));
        }
    }
}

/// A value without quotation marks.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Number(number) if number.is_f64() => {
            // Bits of a modulus are sums of logarithms. Digits beyond the fourth are rounding errors.
            format!("{:.4}", number.as_f64().unwrap_or(0.0))
        }
        value => value.to_string(),
    }
}

fn joined(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The fields whose values differ, by path.
pub(crate) fn field_differences(first: &Fields, second: &Fields) -> Vec<FieldDifference> {
    let names = first.keys().chain(second.keys().filter(|name| !first.contains_key(*name)));
    let mut found: Vec<FieldDifference> = names
        .filter(|name| first.get(*name) != second.get(*name))
        .map(|name| FieldDifference {
            field: name.clone(),
            values: [first.get(name).cloned(), second.get(name).cloned()],
            settings: None,
        })
        .collect();
    found.sort_by(|a, b| a.field.cmp(&b.field));
    found
}

/// The fields that differ in at least one of several pairs of records, with the values of the first such pair.
pub(crate) fn field_differences_in_pairs(pairs: &[(Fields, Fields)]) -> Vec<FieldDifference> {
    let mut found: BTreeMap<String, (FieldDifference, usize)> = BTreeMap::new();
    for (first, second) in pairs {
        for difference in field_differences(first, second) {
            found.entry(difference.field.clone()).or_insert((difference, 0)).1 += 1;
        }
    }
    let counted = |(difference, count): (FieldDifference, usize)| FieldDifference {
        settings: Some([count, pairs.len()]),
        ..difference
    };
    found.into_values().map(counted).collect()
}

/// Origin of records according to `run.json`: data set, and machines and versions of all invocations, each value once.
pub(crate) fn provenance(record: &Value) -> Fields {
    let mut fields = Fields::new();
    json_fields("dataset", json_at(record, "/dataset"), &mut fields);
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for invocation in json_at(record, "/invocations").as_array().into_iter().flatten() {
        let mut of_invocation = Fields::new();
        for part in ["machine", "source", "threads"] {
            json_fields(part, invocation.get(part).unwrap_or(&Value::Null), &mut of_invocation);
        }
        for (name, value) in of_invocation {
            values.entry(name).or_default().push(value);
        }
    }
    fields.extend(values.into_iter().map(|(name, values)| (name, distinct(values).join("; "))));
    fields
}

/// Machines of all invocations: `AMD EPYC, 2 cores, 2 threads`.
pub(crate) fn machine(fields: &Fields) -> String {
    let processor =
        fields.get("machine.processor").cloned().unwrap_or_else(|| "unknown processor".to_owned());
    let part = |name: &str, unit: &str| fields.get(name).map(|value| format!("{value} {unit}"));
    let parts = [Some(processor), part("machine.cores", "cores"), part("threads", "threads")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Returns whether both runs classified the same test images, judged by the checksums of the files and the number of images.
/// `None` if a record lacks them.
pub(crate) fn same_images(first: &Value, second: &Value) -> Option<bool> {
    let (first, second) = (json_at(first, "/dataset"), json_at(second, "/dataset"));
    let known = |dataset: &Value| {
        !json_at(dataset, "/sha256").is_null() && !json_at(dataset, "/test_images").is_null()
    };
    if !known(first) || !known(second) {
        return None;
    }
    Some(
        json_at(first, "/sha256") == json_at(second, "/sha256")
            && json_at(first, "/test_images") == json_at(second, "/test_images"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_compared_by_path_and_arrays_as_a_whole() {
        let first = toml_fields(Some("a = 1\n[t]\nx = [1, 2]\ny = { z = 0.5 }\n"));
        let second = toml_fields(Some("a = 1\n[t]\nx = [1, 3]\nw = \"s\"\n"));
        let found = field_differences(&first, &second);
        let told: Vec<(&str, Option<&str>, Option<&str>)> = found
            .iter()
            .map(|d| (d.field.as_str(), d.values[0].as_deref(), d.values[1].as_deref()))
            .collect();
        assert_eq!(
            told,
            [
                ("t.w", None, Some("\"s\"")),
                ("t.x", Some("[1, 2]"), Some("[1, 3]")),
                ("t.y.z", Some("0.5"), None)
            ]
        );
    }

    #[test]
    fn invocations_on_several_machines_are_all_named() {
        let record = serde_json::json!({
            "dataset": { "name": "MNIST" },
            "invocations": [
                { "machine": { "processor": "A", "cores": 2 }, "threads": 2, "duration_seconds": 9.5 },
                { "machine": { "processor": "B", "cores": 2 }, "threads": 2, "duration_seconds": 1.5 },
            ],
        });
        let fields = provenance(&record);
        assert_eq!(machine(&fields), "A; B, 2 cores, 2 threads");
        assert_eq!(fields.get("dataset.name").map(String::as_str), Some("MNIST"));
        assert!(!fields.contains_key("duration_seconds"));
        assert_eq!(same_images(&record, &record), None);
    }
}
