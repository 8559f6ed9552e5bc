//! Experiments as TOML: what is written, and the checked plan that everything else reads.

mod axis;
mod check;
mod description;
mod experiment;
mod layers;
mod problem;
mod setting_plan;
mod study;

use std::io;
use std::path::PathBuf;

use serde::Deserialize as _;
use sottovoce_bfv::ParametersError;
use toml::{Table, Value};

use axis::Group;
pub use description::{import_problem, load_description};
use experiment::SWEEP;
pub use experiment::{Averaging, DataPlan, Experiment, KeyRule};
use layers::Layer;
pub use problem::Problem;
pub use setting_plan::SettingPlan;
pub use study::Study;

/// The experiments that the program brings along, by name.
pub const BUILT_IN: [(&str, &str); 5] = [
    ("paper", include_str!("../../../../configs/paper.toml")),
    ("fig5", include_str!("../../../../configs/fig5.toml")),
    ("fig6", include_str!("../../../../configs/fig6.toml")),
    ("fig7", include_str!("../../../../configs/fig7.toml")),
    ("quick", include_str!("../../../../configs/quick.toml")),
];

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// No file, and no experiment of that name.
    #[error("there is no file {name:?} and no built-in experiment of that name{hint}; built in are: {known}")]
    Unknown { name: String, hint: String, known: String },
    /// The file could not be read.
    #[error("cannot read the configuration {path}")]
    Read { path: PathBuf, source: io::Error },
    /// Encryption parameters that were asked for cannot be had.
    #[error("these encryption parameters cannot be used: {0}")]
    Parameters(ParametersError),
    /// The contents are wrong.
    #[error(transparent)]
    Problem(#[from] Problem),
}

/// A configuration as it was read, in layers: bases, the file itself, and fields given by arguments.
#[derive(Debug, Clone)]
pub struct Configuration {
    /// The name of the last layer in errors.
    origin: String,
    layers: Vec<Layer>,
    /// All layers in one, without `[sweep]`.
    table: Table,
    /// The table `[sweep]`; empty where there is none.
    sweep: Table,
    /// The experiment that the configuration describes without its axes.
    pub experiment: Experiment,
}

impl Configuration {
    /// Reads the file `name`, or the built-in experiment of that name, with the fields `sets`, each as PATH=VALUE, in
    /// place of its own.
    ///
    /// # Errors
    /// If a layer is not there or wrong.
    pub fn load(name: &str, sets: &[String]) -> Result<Self, ConfigError> {
        let layers = layers::read(name, sets)?;
        let experiment = Experiment::of_layers(&layers)?;
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

    /// A field whose value does not suit; `path` leads to it through the tables.
    pub fn field_problem(&self, path: &[&str], message: impl Into<String>) -> Problem {
        // The topmost file or argument that has the field, or else the last: a built-in experiment is not what is wrong.
        let holds = |layer: &&Layer| !layer.is_built_in() && problem::has_field(&layer.text, path);
        let layer = self.layers.iter().rev().find(holds).or(self.layers.last());
        match layer {
            Some(Layer { origin, text }) => Problem::at_field(origin, text, path, message),
            None => Problem::new(&self.origin, message.into()),
        }
    }

    /// A field whose value does not suit, where it stands as an axis or else as a field.
    pub fn value_problem(&self, path: &[&str], message: String) -> Problem {
        let joined = path.join(".");
        let nested: Vec<&str> = [SWEEP].into_iter().chain(path.iter().copied()).collect();
        let is_axis = |layer: &Layer| {
            problem::has_field(&layer.text, &[SWEEP, &joined]) || problem::has_field(&layer.text, &nested)
        };
        match self.layers.iter().any(is_axis) {
            true => self.sweep_problem(&[&joined], message),
            false => self.field_problem(path, message),
        }
    }

    /// A field of `[sweep]` that makes no sense.
    fn sweep_problem(&self, path: &[&str], message: String) -> Problem {
        // An axis may be written with quotes or without.
        let joined = path.join(".");
        let quoted = [SWEEP, joined.as_str()];
        let nested: Vec<&str> =
            [SWEEP].into_iter().chain(path.iter().flat_map(|part| part.split('.'))).collect();
        let is_quoted = self.layers.iter().any(|layer| problem::has_field(&layer.text, &quoted));
        let path = if path.is_empty() {
            &quoted[..1]
        } else if is_quoted {
            &quoted[..]
        } else {
            &nested[..]
        };
        self.field_problem(path, message)
    }

    /// An axis of one of `groups` with a value that does not suit.
    fn axis_problem(&self, groups: &[Group], axis: &str, message: String) -> Problem {
        let zipped = groups.iter().any(|group| group.len() > 1 && group.iter().any(|one| one.path == axis));
        if zipped {
            return self.sweep_problem(&["zip"], format!("has the axis `{axis}`, which {message}"));
        }
        // The lists of splits and shares are axes without being in `[sweep]`.
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

    /// The experiment, for a command that evaluates the splits and shares of one configuration.
    ///
    /// # Errors
    /// If it has axes beyond those.
    pub fn without_axes(self) -> Result<Experiment, Problem> {
        if self.sweep.is_empty() {
            return Ok(self.experiment);
        }
        let message = "has axes; run this configuration with `sottovoce sweep`".to_owned();
        Err(self.sweep_problem(&[], message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_experiment_is_valid_and_bears_its_name() {
        for (name, _) in BUILT_IN {
            assert_eq!(Configuration::load(name, &[]).unwrap().experiment.name, name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_one() {
        let error = Configuration::load("fig55", &[]).unwrap_err().to_string();
        assert!(
            error.contains("did you mean \"fig5\"?") && error.contains("paper, fig5, fig6, fig7, quick"),
            "{error}"
        );
    }
}
