//! Names of the points of a sweep, which are also the names of their folders.

use std::collections::HashMap;

use sottovoce_network::disk::sha256;

use super::axis::Group;

/// Longest name of a point in bytes: file systems allow 255, and records add endings.
const MAX_NAME_LENGTH: usize = 120;

/// Digits of the hash that makes a shortened name unique.
const NAME_HASH_DIGITS: usize = 12;

/// Names points by the values that differ.
pub struct PointNames {
    /// The name of each axis: the last part of its path, or the whole path if another axis has the same last part.
    labels: Vec<String>,
    /// How many points have each name.
    taken: HashMap<String, usize>,
}

impl PointNames {
    pub fn new(groups: &[Group]) -> Self {
        let paths: Vec<&str> = groups.iter().flatten().map(|axis| axis.path.as_str()).collect();
        let last = |path: &str| {
            // An index into a list needs the name of the list.
            let mut parts: Vec<&str> = path.rsplit('.').collect();
            let numbers = parts.iter().take_while(|part| part.parse::<usize>().is_ok()).count();
            parts.truncate(numbers + 1);
            parts.reverse();
            parts.join(".")
        };
        let lasts: Vec<String> = paths.iter().map(|path| last(path)).collect();
        let labels = lasts.iter().zip(&paths).map(|(name, path)| {
            let is_unique = lasts.iter().filter(|other| *other == name).count() == 1;
            if is_unique { name.clone() } else { (*path).to_owned() }
        });
        Self { labels: labels.collect(), taken: HashMap::new() }
    }

    /// The name of the next point, with a value for each axis as text; an empty value is left out.
    pub fn next_name(&mut self, values: &[String]) -> String {
        if values.is_empty() {
            return "base".to_owned();
        }
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let parts = self.labels.iter().zip(values).filter(|(_, value)| !value.is_empty());
        let mut name = parts
            .map(|(label, value)| format!("{label}={}", value.chars().map(plain).collect::<String>()))
            .collect::<Vec<_>>()
            .join(",");
        let exact = format!("{values:?}");
        if name.len() > MAX_NAME_LENGTH {
            // The name is ASCII, so every character is a byte.
            let kept: String = name.chars().take(MAX_NAME_LENGTH - NAME_HASH_DIGITS - 1).collect();
            let digits: String = sha256(exact.as_bytes()).chars().take(NAME_HASH_DIGITS).collect();
            name = format!("{kept}-{digits}");
        }
        // Two values may differ only in characters that a name cannot show.
        let count = self.taken.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}-{count}");
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::super::axis::Axis;
    use super::*;

    #[test]
    fn names_of_points_are_unique_and_not_too_long() {
        let groups = vec![
            vec![Axis { path: "ensemble.split".to_owned(), values: Vec::new() }],
            vec![Axis { path: "training.largest_weights.1".to_owned(), values: Vec::new() }],
            vec![Axis { path: "data.name".to_owned(), values: Vec::new() }],
            vec![Axis { path: "x.name".to_owned(), values: Vec::new() }],
        ];
        let mut names = PointNames::new(&groups);
        let texts = |values: [&str; 4]| values.map(str::to_owned).to_vec();
        assert_eq!(
            names.next_name(&texts(["a", "3", "b", "c"])),
            "split=a,largest_weights.1=3,data.name=b,x.name=c"
        );
        assert_eq!(names.next_name(&texts(["a/b", "3", "", ""])), "split=a_b,largest_weights.1=3");
        assert_eq!(names.next_name(&texts(["a:b", "3", "", ""])), "split=a_b,largest_weights.1=3-2");
        assert!(names.next_name(&texts([&"long".repeat(100), "3", "b", "c"])).len() <= MAX_NAME_LENGTH);
    }
}
