//! Distinct values in a stable order, numbers in text, and fields of JSON.

use std::collections::HashSet;

use serde_json::Value;

/// Each item once, in the order of first occurrence. The search is linear: a run has few splits, settings and layers.
pub(crate) fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// Distinct values: ascending if all of them are numbers, otherwise in the order of first occurrence.
pub(crate) fn distinct_in_order<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let mut distinct: Vec<&str> = values.filter(|value| seen.insert(*value)).collect();
    if distinct.iter().all(|value| number(value).is_some()) {
        distinct.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    }
    distinct
}

/// Parses a finite number.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// The value at a path such as `/parameters/degree` (RFC 6901); `null` if there is none.
pub(crate) fn json_at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&Value::Null)
}
