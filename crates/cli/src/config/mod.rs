//! Experiments as TOML: what is written, and the checked plan that everything else reads.

mod base;
mod check;
mod description;
mod experiment;
mod problem;
mod setting_plan;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::{fs, io};

use sottovoce_bfv::ParametersError;

pub use description::{import_problem, load_description};
pub use experiment::{Averaging, DataPlan, Experiment, KeyRule};
pub use problem::Problem;
pub use setting_plan::SettingPlan;

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

/// Loads the experiment in the file `name`, or the built-in one of that name.
pub fn load(name: &str) -> Result<Experiment, ConfigError> {
    Ok(Experiment::parse(name, &text(name)?)?)
}

/// A field of the experiment `name` whose value does not suit the data set; `path` leads to it through the tables.
pub fn field_problem(name: &str, path: &[&str], message: &str) -> ConfigError {
    // The text was read before; if it is gone by now, the problem is told without its line.
    let text = text(name).unwrap_or_default();
    Problem::at_field(name, &text, path, message).into()
}

/// The text of the experiment in the file `name`, or of the built-in one of that name.
fn text(name: &str) -> Result<Cow<'static, str>, ConfigError> {
    let path = Path::new(name);
    if path.is_file() {
        let text = fs::read_to_string(path);
        return text.map(Cow::Owned).map_err(|source| ConfigError::Read { path: path.to_owned(), source });
    }
    if let Some((_, text)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return Ok(Cow::Borrowed(text));
    }
    let names = BUILT_IN.map(|(name, _)| name);
    let hint = problem::nearest(name, names.iter().copied())
        .map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
    Err(ConfigError::Unknown { name: name.to_owned(), hint, known: names.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_experiment_is_valid_and_bears_its_name() {
        for (name, _) in BUILT_IN {
            assert_eq!(load(name).unwrap().name, name);
        }
    }

    #[test]
    fn an_unknown_name_is_refused_with_the_nearest_one() {
        let error = load("fig55").unwrap_err().to_string();
        assert!(
            error.contains("did you mean \"fig5\"?") && error.contains("paper, fig5, fig6, fig7, quick"),
            "{error}"
        );
    }
}
