//! The weights of each layer of a Keras file.
//!
//! Keras writes weights in two forms. The present form numbers them under paths that count a class's layers *within
//! their model* from zero, `layers/dense_1/vars/0`. A layer `dense_10` of `config.json` may be `dense_1` there, so
//! this module reads the layer's name from the attribute `name` of `vars`. Keras 2 and the first releases of Keras 3
//! do not write that attribute; there it counts a class's layers. The older form names layers and weights,
//! `model_weights/dense_10/sequential/dense_10/kernel`, with the weights of a nested model under the outermost
//! model's name.

use super::hdf5::Hdf5;
use crate::import::error::LayerError;
use crate::import::formats::tensor::Tensor;

/// The weights of a file.
pub struct WeightStore {
    file: Hdf5,
    /// The file's name in errors.
    origin: String,
}

/// The location of a model's or a layer's weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WeightLocation {
    /// Under `vars` of this group.
    Numbered(String),
    /// Under this group; the paths contain the names of nested models and of the layer.
    Named { group: String, names: Vec<String> },
}

/// A weight of a layer: its name in the older form, its number in the present form.
#[derive(Debug, Clone, Copy)]
pub struct Weight {
    /// The name, such as "kernel".
    pub name: &'static str,
    /// The number among the layer's weights.
    pub number: usize,
}

impl WeightStore {
    /// Creates the weights of an HDF5 file, whose name in errors is `origin`.
    pub fn new(file: Hdf5, origin: &str) -> Self {
        Self { file, origin: origin.to_owned() }
    }

    /// Returns the location of the outermost model's weights.
    pub fn root(&self) -> WeightLocation {
        let named = if self.file.has_group("model_weights") { "model_weights" } else { "" };
        if named.is_empty() && (self.file.has_group("layers") || self.file.has_group("vars")) {
            return WeightLocation::Numbered(String::new());
        }
        WeightLocation::Named { group: named.to_owned(), names: Vec::new() }
    }

    /// Returns the location of the weights of layer `index` of a model. `layers` has the class and name of each of
    /// its layers.
    pub fn layer(
        &self,
        model: &WeightLocation,
        layers: &[(&str, &str)],
        index: usize,
    ) -> Option<WeightLocation> {
        let &(class, name) = layers.get(index)?;
        match model {
            WeightLocation::Numbered(group) => {
                let parent = if group.is_empty() { "layers".to_owned() } else { format!("{group}/layers") };
                let own_name = |child: &str| self.file.text(&format!("{parent}/{child}/vars"), "name");
                let mut children: Vec<&str> = self.file.groups_in(&parent).collect();
                let found = if children.iter().any(|child| own_name(child).is_some()) {
                    children.into_iter().find(|child| own_name(child).as_deref() == Some(name))
                } else {
                    let stem = snake_case(class);
                    children.retain(|child| number_after(child, &stem).is_some());
                    // Sorted as text, 10 would come before 2.
                    children.sort_by_key(|child| number_after(child, &stem));
                    let before = layers.iter().take(index).filter(|(other, _)| *other == class).count();
                    children.get(before).copied()
                };
                Some(WeightLocation::Numbered(format!("{parent}/{}", found?)))
            }
            WeightLocation::Named { group, names } => {
                if names.is_empty() {
                    let group = if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") };
                    return Some(WeightLocation::Named { group, names: vec![name.to_owned()] });
                }
                let mut names = names.clone();
                names.push(name.to_owned());
                Some(WeightLocation::Named { group: group.clone(), names })
            }
        }
    }

    /// Reads a weight of the layer at `location`.
    ///
    /// # Errors
    /// If it is not in the file, or is damaged.
    pub fn weight(&self, location: Option<&WeightLocation>, weight: Weight) -> Result<Tensor, LayerError> {
        let Weight { name, number } = weight;
        let path = match location {
            None => None,
            Some(WeightLocation::Numbered(group)) => {
                let path = format!("{group}/vars/{number}");
                self.file.datasets().any(|own| own == path).then_some(path)
            }
            Some(WeightLocation::Named { group, names }) => self.named(group, names, name)?,
        };
        let path = path.ok_or_else(|| {
            LayerError::new(format!(
                "has no {name} in the file (weight {number} of the layer). The file may have been saved before the model was built, or by \
                 another version of Keras than in its configuration"
            ))
        })?;
        let origin = format!("{}::{path}", self.origin);
        self.file
            .tensor(&path, &origin)
            .map_err(|error| LayerError::new(format!("has a {name} that cannot be used: {error}")))
    }

    /// Returns the path of a named weight: the path whose groups end with the most of the names.
    fn named(&self, group: &str, names: &[String], name: &str) -> Result<Option<String>, LayerError> {
        let prefix = format!("{group}/");
        let own: Vec<&str> = self
            .file
            .datasets()
            .filter(|path| {
                let last = path.strip_prefix(&prefix).and_then(|rest| rest.rsplit('/').next());
                last.is_some_and(|last| without_output(last) == name)
            })
            .collect();
        let groups = |path: &str| path.rsplit_once('/').map_or("", |(groups, _)| groups).to_owned();
        // The group has the outermost name, and repeats it if a layer is not nested.
        for skipped in 0..names.len() {
            let tail = names.iter().skip(skipped).map(String::as_str).collect::<Vec<_>>().join("/");
            let mut found = own.iter().filter(|path| {
                let groups = groups(path);
                groups == tail || groups.ends_with(&format!("/{tail}"))
            });
            match (found.next(), found.next()) {
                (Some(path), None) => return Ok(Some((*path).to_owned())),
                (Some(one), Some(other)) => {
                    return Err(LayerError::new(format!(
                        "has two weights that may be its {name} in the file, {one} and {other}, because layers of nested models have the \
                         same name; `model.save(\"NAME.keras\")` writes a file without this doubt"
                    )));
                }
                (None, _) => {}
            }
        }
        // A layer's weights may have the name of another scope, such as the layer that they were copied from.
        match (names, own.as_slice()) {
            ([_], [path]) => Ok(Some((*path).to_owned())),
            _ => Ok(None),
        }
    }
}

/// Returns the number of a group such as `dense_3` among those of `stem`; 0 for the stem itself.
fn number_after(group: &str, stem: &str) -> Option<usize> {
    match group.strip_prefix(stem)? {
        "" => Some(0),
        rest => rest.strip_prefix('_')?.parse().ok(),
    }
}

/// Returns a weight's name without TensorFlow's output number: `kernel:0` becomes `kernel`.
pub fn without_output(name: &str) -> &str {
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// Returns a class's name as Keras counts it: `ZeroPadding2D` becomes `zero_padding2d`.
fn snake_case(class: &str) -> String {
    let letters: Vec<char> = class.chars().collect();
    let mut snake = String::new();
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| letters.get(before));
        let after = letters.get(index + 1);
        let begins = before.is_some_and(char::is_ascii_lowercase)
            || (before.is_some() && after.is_some_and(char::is_ascii_lowercase));
        if letter.is_ascii_uppercase() && begins {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_are_counted_under_the_names_that_keras_gives_them() {
        for (class, name) in [
            ("Conv2D", "conv2d"),
            ("Dense", "dense"),
            ("ZeroPadding2D", "zero_padding2d"),
            ("BatchNormalization", "batch_normalization"),
            ("Sequential", "sequential"),
            ("ReLU", "re_lu"),
        ] {
            assert_eq!(snake_case(class), name);
        }
    }

    #[test]
    fn groups_are_counted_by_number_and_not_by_text() {
        assert_eq!(number_after("dense", "dense"), Some(0));
        assert_eq!(number_after("dense_10", "dense"), Some(10));
        assert_eq!(number_after("dense_layer", "dense"), None);
        assert_eq!(number_after("densest", "dense"), None);
    }
}
