//! A configuration: its layers, and the experiment that they describe.

use serde::Deserialize as _;
use toml::{Table, Value};

use super::axis::Group;
use super::check::check;
use super::experiment::Experiment;
use super::layers::{self, Layer, SWEEP};
use super::toml_problem::{self, has_field, toml_message};
use crate::config_error::{ConfigError, Problem};

/// A configuration as it was read, in layers: bases, the file itself, and fields given by arguments.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The name of the last layer in errors.
    pub origin: String,
    layers: Vec<Layer>,
    /// All layers merged, without `[sweep]`.
    pub table: Table,
    /// The table `[sweep]`; empty if there is none.
    pub sweep: Table,
    /// The experiment that the configuration describes without its axes.
    pub experiment: Experiment,
}

impl Configuration {
    /// Reads the file `name`, or the built-in experiment of that name. The fields `sets`, each as PATH=VALUE, replace fields
    /// of the file.
    ///
    /// # Errors
    /// If a layer does not exist, cannot be read or has a mistake.
    pub fn load(name: &str, sets: &[String]) -> Result<Self, ConfigError> {
        let layers = layers::read(name, sets)?;
        let experiment = read_experiment(&layers)?;
        let origin = layers.last().map(|layer| layer.origin.clone()).unwrap_or_default();
        let merged = layers::merge(&layers)?;
        let mut table = Table::deserialize(toml::Deserializer::from(merged))
            .map_err(|error| Problem::new(&origin, error.message().to_owned()))?;
        let mut configuration = Self { origin, layers, sweep: Table::new(), table: Table::new(), experiment };
        match table.remove(SWEEP) {
            None => {}
            Some(Value::Table(sweep)) => configuration.sweep = sweep,
            Some(other) => {
                let message = format!(
                    "is {other}, but must be a table of axes, such as \"training.clip\" = [0.5, 1.0]"
                );
                return Err(configuration.field_problem(&[SWEEP], message).into());
            }
        }
        configuration.table = table;
        Ok(configuration)
    }

    /// A mistake in the value of a field; `path` leads to the field through the tables.
    pub fn field_problem(&self, path: &[&str], message: impl Into<String>) -> Problem {
        // The topmost file or argument that has the field, or else the last layer. A built-in experiment is not at fault.
        let has_it = |layer: &&Layer| !layer.is_built_in() && has_field(&layer.text, path);
        let layer = self.layers.iter().rev().find(has_it).or(self.layers.last());
        match layer {
            Some(Layer { origin, text }) => toml_problem::at_field(origin, text, path, message),
            None => Problem::new(&self.origin, message.into()),
        }
    }

    /// A mistake in the value of a field, which may be an axis in `[sweep]` or a field of the experiment.
    pub fn value_problem(&self, path: &[&str], message: String) -> Problem {
        let joined = path.join(".");
        let nested: Vec<&str> = [SWEEP].into_iter().chain(path.iter().copied()).collect();
        let is_axis =
            |layer: &Layer| has_field(&layer.text, &[SWEEP, &joined]) || has_field(&layer.text, &nested);
        match self.layers.iter().any(is_axis) {
            true => self.sweep_problem(&[&joined], message),
            false => self.field_problem(path, message),
        }
    }

    /// A mistake in a field of `[sweep]`; the empty path names the table itself.
    pub fn sweep_problem(&self, path: &[&str], message: String) -> Problem {
        if path.is_empty() {
            return self.field_problem(&[SWEEP], message);
        }
        // An axis may be written as one quoted key or as nested tables.
        let joined = path.join(".");
        let quoted = [SWEEP, joined.as_str()];
        if self.layers.iter().any(|layer| has_field(&layer.text, &quoted)) {
            return self.field_problem(&quoted, message);
        }
        let nested: Vec<&str> =
            [SWEEP].into_iter().chain(path.iter().flat_map(|part| part.split('.'))).collect();
        self.field_problem(&nested, message)
    }

    /// A mistake in a value of the axis with the path `axis`, which is in one of `groups`.
    pub fn axis_problem(&self, groups: &[Group], axis: &str, message: String) -> Problem {
        let zipped = groups.iter().any(|group| group.len() > 1 && group.iter().any(|one| one.path == axis));
        if zipped {
            return self.sweep_problem(&["zip"], format!("has the axis `{axis}`, which {message}"));
        }
        // The lists of splits and shares are axes without an entry in `[sweep]`.
        let list = match axis {
            "ensemble.split" => Some(["ensemble", "splits"]),
            "ensemble.share" => Some(["ensemble", "shares"]),
            _ => None,
        };
        match list {
            Some(path) if self.sweep.is_empty() => self.field_problem(&path, message),
            _ => self.sweep_problem(&[axis], message),
        }
    }

    /// Returns whether there is a table `[sweep]`.
    pub fn has_axes(&self) -> bool {
        !self.sweep.is_empty()
    }

    /// The experiment, for commands that know no axes but the splits and shares.
    ///
    /// # Errors
    /// If the configuration has a table `[sweep]`.
    pub fn without_axes(self) -> Result<Experiment, Problem> {
        if self.sweep.is_empty() {
            return Ok(self.experiment);
        }
        let message = "has axes; run this configuration with `sottovoce sweep`".to_owned();
        Err(self.sweep_problem(&[], message))
    }
}

/// Reads and checks the experiment that `layers` describe together. Every layer must be right with the layers below it, so
/// that an error names the text that it is in.
fn read_experiment(layers: &[Layer]) -> Result<Experiment, Problem> {
    let mut experiment = Err(Problem::new("configuration", "is empty".to_owned()));
    for (count, Layer { origin, text }) in (1..).zip(layers) {
        let mut table = layers::merge(layers.get(..count).unwrap_or(layers))?;
        table.get_mut().remove(SWEEP);
        let read = Experiment::deserialize(toml::Deserializer::from(table))
            .map_err(|error| toml_problem::from_toml(origin, text, &error))?;
        check(&read, None).map_err(|(path, message)| toml_problem::at_field(origin, text, path, message))?;
        experiment = Ok(read);
    }
    experiment
}

/// A mistake at one point of a sweep.
pub struct PointMistake {
    /// The field at fault, if it is known.
    pub field: Option<String>,
    pub message: String,
}

/// Reads and checks one point of a sweep, whose fields are in `table`. Encryption that is as in `base` was checked before.
pub fn read_point(base: &Experiment, table: Table) -> Result<Experiment, PointMistake> {
    let experiment = Experiment::deserialize(Value::Table(table))
        .map_err(|error| PointMistake { field: None, message: toml_message(&error) })?;
    check(&experiment, Some(&base.encryption)).map_err(|(path, message)| {
        let path = path.join(".");
        PointMistake { message: format!("`{path}` {message}"), field: Some(path) }
    })?;
    Ok(experiment)
}

#[cfg(test)]
mod tests;
