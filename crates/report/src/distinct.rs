//! Different things in the order of their first appearance.

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
