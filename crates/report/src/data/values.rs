//! Distinct values in a stable order.

use std::collections::HashSet;

/// Every item once, where it came first. Meant for the few splits, settings and layers of a run.
pub(crate) fn distinct<T: PartialEq>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

/// Distinct values: ascending where all of them are numbers, otherwise in the order given.
pub(crate) fn in_order<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = HashSet::new();
    let mut distinct: Vec<&str> = values.filter(|value| seen.insert(*value)).collect();
    if distinct.iter().all(|value| number(value).is_some()) {
        distinct.sort_by(|a, b| number(a).unwrap_or(0.0).total_cmp(&number(b).unwrap_or(0.0)));
    }
    distinct
}

/// A finite number.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}
